package deployments

import "bytes"

// relaxed makes JSON of what clients of deployments send: az writes the member
// "template" without quotes and passes the file on as it is, with comments and
// strings that run over several lines. What isn't one of these stays as it is,
// for the strict reader to refuse.
func relaxed(raw []byte) []byte {
	var out bytes.Buffer
	for at := 0; at < len(raw); {
		switch c := raw[at]; {
		case c == '"':
			at = relaxedString(&out, raw, at)
		case bytes.HasPrefix(raw[at:], []byte("//")):
			stop := bytes.IndexByte(raw[at:], '\n')
			if stop < 0 {
				return out.Bytes()
			}
			at += stop
		case bytes.HasPrefix(raw[at:], []byte("/*")):
			stop := bytes.Index(raw[at+2:], []byte("*/"))
			if stop < 0 {
				return raw
			}
			at += stop + 4
		case isLetter(c):
			stop := at
			for stop < len(raw) && (isLetter(raw[stop]) || '0' <= raw[stop] && raw[stop] <= '9') {
				stop++
			}
			name := raw[at:stop]
			if rest := bytes.TrimLeft(raw[stop:], " \t\r\n"); bytes.HasPrefix(rest, []byte(":")) {
				out.WriteByte('"')
				out.Write(name)
				out.WriteByte('"')
			} else {
				out.Write(name)
			}
			at = stop
		default:
			out.WriteByte(c)
			at++
		}
	}
	return out.Bytes()
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}

// relaxedString copies a string with its line ends escaped, and says where it ends.
func relaxedString(out *bytes.Buffer, raw []byte, at int) int {
	out.WriteByte('"')
	for at++; at < len(raw); at++ {
		switch c := raw[at]; c {
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		case '\\':
			out.WriteByte(c)
			if at++; at < len(raw) {
				out.WriteByte(raw[at])
			}
		case '"':
			out.WriteByte(c)
			return at + 1
		default:
			out.WriteByte(c)
		}
	}
	return at
}
