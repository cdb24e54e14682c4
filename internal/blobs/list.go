package blobs

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// mostListed is how many entries a page has, and has unless it is asked for less.
const mostListed = 5000

// limit reads maxresults.
func (c *call) limit() (int, error) {
	text := c.query.Get("maxresults")
	if text == "" {
		return mostListed, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fail(http.StatusBadRequest, "OutOfRangeQueryParameterValue", "One of the query parameters specified in the request URI is outside the permissible range: maxresults.")
	}
	return min(n, mostListed), nil
}

func modified(r *resource.Resource) time.Time {
	if r.SystemData.LastModifiedAt.IsZero() {
		return r.SystemData.CreatedAt
	}
	return r.SystemData.LastModifiedAt
}

type listedBlob struct {
	Name       string `xml:"Name"`
	Properties struct {
		Created     string `xml:"Creation-Time"`
		Modified    string `xml:"Last-Modified"`
		ETag        string `xml:"Etag"`
		Length      int64  `xml:"Content-Length"`
		Type        string `xml:"Content-Type"`
		Encoding    string `xml:"Content-Encoding"`
		Language    string `xml:"Content-Language"`
		MD5         string `xml:"Content-MD5"`
		Cache       string `xml:"Cache-Control"`
		Disposition string `xml:"Content-Disposition"`
		BlobType    string `xml:"BlobType"`
		Tier        string `xml:"AccessTier"`
		Inferred    bool   `xml:"AccessTierInferred"`
		Lease       string `xml:"LeaseStatus"`
		State       string `xml:"LeaseState"`
		Encrypted   bool   `xml:"ServerEncrypted"`
	} `xml:"Properties"`
	Metadata *metadataList `xml:"Metadata,omitempty"`
}

type metadataList struct{ of map[string]string }

// MarshalXML implements xml.Marshaler: each name is an element.
func (m *metadataList) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for name, value := range m.of {
		if err := e.EncodeElement(value, xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

type listedPrefix struct {
	Name string `xml:"Name"`
}

// listBlobs lists a container, as a whole or, with a delimiter, like a folder.
func (s *Service) listBlobs(w http.ResponseWriter, c *call) error {
	if err := s.may(c, "read"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := base64.RawURLEncoding.DecodeString(c.query.Get("marker"))
	if err != nil {
		return fail(http.StatusBadRequest, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid: marker.")
	}
	prefix, delimiter := c.query.Get("prefix"), c.query.Get("delimiter")
	withMetadata := strings.Contains(c.query.Get("include"), "metadata")
	page := struct {
		XMLName    xml.Name `xml:"EnumerationResults"`
		Endpoint   string   `xml:"ServiceEndpoint,attr"`
		Container  string   `xml:"ContainerName,attr"`
		Prefix     string   `xml:"Prefix,omitempty"`
		Marker     string   `xml:"Marker,omitempty"`
		MaxResults int      `xml:"MaxResults"`
		Delimiter  string   `xml:"Delimiter,omitempty"`
		Blobs      struct {
			Blob   []listedBlob   `xml:"Blob"`
			Prefix []listedPrefix `xml:"BlobPrefix"`
		} `xml:"Blobs"`
		Next string `xml:"NextMarker"`
	}{Endpoint: "https://" + c.Host + "/", Container: c.container, Prefix: prefix, Marker: c.query.Get("marker"), MaxResults: limit, Delimiter: delimiter}

	seen, last := 0, string(after)
	for more := true; more && seen < limit; {
		from := ""
		if last != "" {
			from = c.box.key(last)
		}
		got, err := s.State.List(c.Context(), c.box.key(prefix), store.ListOptions{Limit: min(limit-seen, 500), After: from})
		if err != nil {
			return err
		}
		more = got.More
		for _, item := range got.Items {
			name := strings.TrimPrefix(item.Key, c.box.key(""))
			if last = name; delimiter != "" {
				if head, _, within := strings.Cut(name[len(prefix):], delimiter); within {
					folder := prefix + head + delimiter
					page.Blobs.Prefix = append(page.Blobs.Prefix, listedPrefix{folder})
					seen++
					// What is in the folder is passed over: nothing sorts behind this within it.
					last, more = folder+"\xff\xff\xff\xff", true
					break
				}
			}
			found, err := decode(item)
			if err != nil {
				return err
			}
			page.Blobs.Blob = append(page.Blobs.Blob, found.listed(name, withMetadata))
			seen++
		}
	}
	if seen >= limit {
		rest, err := s.State.List(c.Context(), c.box.key(prefix), store.ListOptions{Limit: 1, After: c.box.key(last), KeysOnly: true})
		if err != nil {
			return err
		}
		if len(rest.Items) > 0 {
			page.Next = base64.RawURLEncoding.EncodeToString([]byte(last))
		}
	}
	writeXML(w, http.StatusOK, page)
	return nil
}

func (b blob) listed(name string, withMetadata bool) listedBlob {
	one := listedBlob{Name: name}
	p := &one.Properties
	p.Created, p.Modified, p.ETag, p.Length = httpTime(b.Created), httpTime(b.Modified), strings.Trim(b.etag(), `"`), b.Size
	p.Type, p.Encoding, p.Language, p.Cache, p.Disposition = b.Headers.Type, b.Headers.Encoding, b.Headers.Language, b.Headers.Cache, b.Headers.Disposition
	p.MD5, p.BlobType, p.Tier, p.Inferred = base64.StdEncoding.EncodeToString(b.MD5), "BlockBlob", "Hot", true
	p.Lease, p.State, p.Encrypted = "unlocked", "available", true
	if withMetadata && len(b.Metadata) > 0 {
		one.Metadata = &metadataList{b.Metadata}
	}
	return one
}
