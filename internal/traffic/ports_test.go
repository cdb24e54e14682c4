package traffic

import "testing"

func TestPorts(t *testing.T) {
	for text, want := range map[string]map[uint16]bool{
		"80,443,1024-65535": {22: false, 80: true, 443: true, 444: false, 1023: false, 1024: true, 65535: true, 0: false},
		"8080":              {8080: true, 80: false},
		" 80 , 90-91":       {80: true, 90: true, 91: true, 92: false},
		"none":              {80: false, 443: false},
		"":                  {80: false, 443: false},
	} {
		ports, err := ParsePorts(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		for port, has := range want {
			if ports.Has(port) != has {
				t.Errorf("%q has %d: %v", text, port, !has)
			}
		}
	}
	for _, text := range []string{"0", "80-", "90-80", "65536", "http", "80,,90", "-"} {
		if ports, err := ParsePorts(text); err == nil {
			t.Errorf("%q is read as %v", text, ports)
		}
	}
}
