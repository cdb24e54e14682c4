package messages

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// century bounds periods: what is longer is for ever.
const century = 100 * 365 * 24 * time.Hour

// parsePeriod reads the durations of ISO 8601 that Service Bus uses: of days,
// hours, minutes and seconds, as P1DT2H3M4.5S.
func parsePeriod(text string) (time.Duration, error) {
	parts := regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`).FindStringSubmatch(text)
	if parts == nil || text == "P" {
		return 0, fmt.Errorf("%q isn't a duration such as PT1M", text)
	}
	total := 0.0
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if parts[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(parts[i+1], 64)
		if err != nil {
			return 0, err
		}
		total += n * float64(unit)
	}
	if total > float64(2*century) {
		return 2 * century, nil
	}
	return time.Duration(total), nil
}
