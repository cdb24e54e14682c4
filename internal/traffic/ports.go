package traffic

import (
	"fmt"
	"strconv"
	"strings"
)

// Ports are ranges of ports.
type Ports []struct{ First, Last uint16 }

// ParsePorts reads "80,443,1024-65535"; "none" and "" are none.
func ParsePorts(text string) (Ports, error) {
	ports := Ports{}
	if text == "" || text == "none" {
		return ports, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, errLast := strconv.ParseUint(to, 10, 16)
		if err != nil || errLast != nil || first == 0 || last < first {
			return nil, fmt.Errorf("%q isn't a list of ports and ranges of ports, as 80,443,1024-65535", text)
		}
		ports = append(ports, struct{ First, Last uint16 }{uint16(first), uint16(last)})
	}
	return ports, nil
}

// Has reports whether a port is one of them.
func (p Ports) Has(port uint16) bool {
	for _, r := range p {
		if r.First <= port && port <= r.Last {
			return true
		}
	}
	return false
}
