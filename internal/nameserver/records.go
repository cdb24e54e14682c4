package nameserver

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/miekg/dns"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// properties are a record set's, of a public or private zone: the two differ in
// the casing of their members, which decoding doesn't look at.
type properties struct {
	TTL            uint32 `json:"ttl"`
	TargetResource struct {
		ID string `json:"id"`
	} `json:"targetResource"`
	A []struct {
		Address net.IP `json:"ipv4Address"`
	} `json:"aRecords"`
	AAAA []struct {
		Address net.IP `json:"ipv6Address"`
	} `json:"aaaaRecords"`
	CAA []struct {
		Flags uint8  `json:"flags"`
		Tag   string `json:"tag"`
		Value string `json:"value"`
	} `json:"caaRecords"`
	CNAME struct {
		Name string `json:"cname"`
	} `json:"cnameRecord"`
	MX []struct {
		Preference uint16 `json:"preference"`
		Exchange   string `json:"exchange"`
	} `json:"mxRecords"`
	NS []struct {
		Name string `json:"nsdname"`
	} `json:"nsRecords"`
	PTR []struct {
		Name string `json:"ptrdname"`
	} `json:"ptrRecords"`
	SOA struct {
		Host    string `json:"host"`
		Email   string `json:"email"`
		Serial  uint32 `json:"serialNumber"`
		Refresh uint32 `json:"refreshTime"`
		Retry   uint32 `json:"retryTime"`
		Expire  uint32 `json:"expireTime"`
		Minimum uint32 `json:"minimumTtl"`
	} `json:"soaRecord"`
	SRV []struct {
		Priority uint16 `json:"priority"`
		Weight   uint16 `json:"weight"`
		Port     uint16 `json:"port"`
		Target   string `json:"target"`
	} `json:"srvRecords"`
	TXT []struct {
		Value []string `json:"value"`
	} `json:"txtRecords"`
}

// readSet makes records of a document.
func readSet(r *resource.Resource, kind uint16, name string) (*set, error) {
	p, err := resource.Read[properties](r)
	if err != nil {
		return nil, err
	}
	s := &set{alias: strings.ToLower(p.TargetResource.ID), ttl: p.TTL}
	if s.alias != "" {
		return s, nil
	}
	header := dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: p.TTL}
	s.records, err = p.records(header)
	if err != nil {
		return nil, err
	}
	// What can't be said on the wire must not make an answer fail that has it.
	for _, rr := range s.records {
		if _, err := dns.PackRR(rr, make([]byte, dns.MaxMsgSize), 0, nil, false); err != nil {
			return nil, fmt.Errorf("a record of type %s: %w", dns.TypeToString[kind], err)
		}
	}
	return s, nil
}

func (p properties) records(h dns.RR_Header) (out []dns.RR, err error) {
	switch h.Rrtype {
	case dns.TypeA:
		for _, r := range p.A {
			out = append(out, &dns.A{Hdr: h, A: r.Address})
		}
	case dns.TypeAAAA:
		for _, r := range p.AAAA {
			out = append(out, &dns.AAAA{Hdr: h, AAAA: r.Address})
		}
	case dns.TypeCAA:
		for _, r := range p.CAA {
			out = append(out, &dns.CAA{Hdr: h, Flag: r.Flags, Tag: r.Tag, Value: r.Value})
		}
	case dns.TypeCNAME:
		if p.CNAME.Name != "" {
			out = append(out, &dns.CNAME{Hdr: h, Target: dns.Fqdn(p.CNAME.Name)})
		}
	case dns.TypeMX:
		for _, r := range p.MX {
			out = append(out, &dns.MX{Hdr: h, Preference: r.Preference, Mx: dns.Fqdn(r.Exchange)})
		}
	case dns.TypeNS:
		for _, r := range p.NS {
			out = append(out, &dns.NS{Hdr: h, Ns: dns.Fqdn(r.Name)})
		}
	case dns.TypePTR:
		for _, r := range p.PTR {
			out = append(out, &dns.PTR{Hdr: h, Ptr: dns.Fqdn(r.Name)})
		}
	case dns.TypeSOA:
		out = append(out, &dns.SOA{
			Hdr: h, Ns: dns.Fqdn(p.SOA.Host), Mbox: dns.Fqdn(p.SOA.Email), Serial: p.SOA.Serial,
			Refresh: p.SOA.Refresh, Retry: p.SOA.Retry, Expire: p.SOA.Expire, Minttl: p.SOA.Minimum,
		})
	case dns.TypeSRV:
		for _, r := range p.SRV {
			out = append(out, &dns.SRV{Hdr: h, Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dns.Fqdn(r.Target)})
		}
	case dns.TypeTXT:
		for _, r := range p.TXT {
			texts := make([]string, 0, len(r.Value))
			for _, text := range r.Value {
				texts = append(texts, presented(text)...)
			}
			out = append(out, &dns.TXT{Hdr: h, Txt: texts})
		}
	default:
		return nil, errors.New("it has a type that isn't served")
	}
	return out, nil
}

// presented is a text in the library's form: character strings of at most 255
// bytes, in which backslashes stand for themselves.
func presented(text string) []string {
	const longest = 255
	out := []string{}
	for len(text) > longest {
		out, text = append(out, text[:longest]), text[longest:]
	}
	out = append(out, text)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], `\`, `\\`)
	}
	return out
}

// readLink reads which network a link is of.
func readLink(r *resource.Resource) (network string, l *link, err error) {
	p, err := resource.Read[struct {
		Network struct {
			ID string `json:"id"`
		} `json:"virtualNetwork"`
		Policy string `json:"resolutionPolicy"`
	}](r)
	if err != nil {
		return "", nil, err
	}
	id, err := armid.Parse(p.Network.ID)
	if err != nil {
		return "", nil, err
	}
	return id.Key(), &link{fallsBack: strings.EqualFold(p.Policy, "NxDomainRedirect")}, nil
}
