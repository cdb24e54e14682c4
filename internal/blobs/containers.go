package blobs

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// serveAccount answers for the account as a whole.
func (s *Service) serveAccount(w http.ResponseWriter, c *call) error {
	switch comp := c.query.Get("comp"); {
	case c.Method == http.MethodGet && comp == "list":
		return s.listContainers(w, c)
	case comp == "properties" && c.query.Get("restype") == "account" && (c.Method == http.MethodGet || c.Method == http.MethodHead):
		if err := s.mayManage(c, "read"); err != nil {
			return err
		}
		w.Header().Set("x-ms-sku-name", "Standard_LRS")
		w.Header().Set("x-ms-account-kind", "StorageV2")
		return nil
	default:
		return unsupported("the operation " + c.Method + " comp=" + comp + " on accounts")
	}
}

type listedContainer struct {
	Name       string `xml:"Name"`
	Properties struct {
		Modified string `xml:"Last-Modified"`
		ETag     string `xml:"Etag"`
		Lease    string `xml:"LeaseStatus"`
		State    string `xml:"LeaseState"`
	} `xml:"Properties"`
}

func (s *Service) listContainers(w http.ResponseWriter, c *call) error {
	if err := s.mayManage(c, "read"); err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	all, err := s.Resources.List(c.Context(), s.serviceID(c), containerType)
	if err != nil {
		return err
	}
	prefix, marker := c.query.Get("prefix"), c.query.Get("marker")
	page := struct {
		XMLName    xml.Name          `xml:"EnumerationResults"`
		Endpoint   string            `xml:"ServiceEndpoint,attr"`
		Prefix     string            `xml:"Prefix,omitempty"`
		Marker     string            `xml:"Marker,omitempty"`
		MaxResults int               `xml:"MaxResults"`
		Containers []listedContainer `xml:"Containers>Container"`
		Next       string            `xml:"NextMarker"`
	}{Endpoint: "https://" + c.Host + "/", Prefix: prefix, Marker: marker, MaxResults: limit}
	slices.SortFunc(all, func(a, b *resource.Resource) int { return strings.Compare(a.ID.Name(), b.ID.Name()) })
	for _, container := range all {
		name := container.ID.Name()
		if !strings.HasPrefix(name, prefix) || name < marker {
			continue
		}
		if len(page.Containers) == limit {
			page.Next = name
			break
		}
		one := listedContainer{Name: name}
		one.Properties.Modified, one.Properties.ETag = httpTime(modified(container)), resource.ETag(container.Revision)
		one.Properties.Lease, one.Properties.State = "unlocked", "available"
		page.Containers = append(page.Containers, one)
	}
	writeXML(w, http.StatusOK, page)
	return nil
}

func (s *Service) serveContainer(w http.ResponseWriter, c *call) error {
	comp := c.query.Get("comp")
	if c.query.Get("restype") != "container" && comp != "list" {
		return fail(http.StatusBadRequest, "InvalidQueryParameterValue", "Value for one of the query parameters specified in the request URI is invalid: restype must be 'container'.")
	}
	read := c.Method == http.MethodGet || c.Method == http.MethodHead
	switch {
	case comp == "list" && c.Method == http.MethodGet:
		return s.listBlobs(w, c)
	case comp == "" && c.Method == http.MethodPut:
		return s.makeContainer(w, c)
	case comp == "" && c.Method == http.MethodDelete:
		return s.dropContainer(w, c)
	case (comp == "" || comp == "metadata" || comp == "acl") && read:
		if err := s.mayManage(c, "read"); err != nil {
			return err
		}
		found, err := s.enterContainer(c)
		if err != nil {
			return err
		}
		describe(w.Header(), found)
		if comp == "acl" {
			writeXML(w, http.StatusOK, struct {
				XMLName xml.Name `xml:"SignedIdentifiers"`
			}{})
		}
		return nil
	default:
		return unsupported("the operation " + c.Method + " comp=" + comp + " on containers")
	}
}

func (s *Service) makeContainer(w http.ResponseWriter, c *call) error {
	if err := s.mayManage(c, "write"); err != nil {
		return err
	}
	if access := c.Header.Get("x-ms-blob-public-access"); access != "" {
		return fail(http.StatusConflict, "PublicAccessNotPermitted", "Public access is not permitted on this storage account.")
	}
	made, err := s.Accounts.MakeContainer(c.Context(), c.caller, c.account.ID, c.container)
	if err != nil {
		return err
	}
	describe(w.Header(), made)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (s *Service) dropContainer(w http.ResponseWriter, c *call) error {
	if err := s.mayManage(c, "delete"); err != nil {
		return err
	}
	if _, err := s.enterContainer(c); err != nil {
		return err
	}
	if _, err := s.Resources.Delete(c.Context(), c.caller, s.containerID(c)); err != nil && !rest.IsNotFound(err) {
		return err
	}
	if err := s.empty(c.Context(), c.box); err != nil {
		s.Log.WarnContext(c.Context(), "the content of a deleted container goes at the next start", "error", err)
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func describe(h http.Header, container *resource.Resource) {
	h.Set("ETag", resource.ETag(container.Revision))
	h.Set("Last-Modified", httpTime(modified(container)))
	h.Set("x-ms-lease-status", "unlocked")
	h.Set("x-ms-lease-state", "available")
	h.Set("x-ms-has-immutability-policy", "false")
	h.Set("x-ms-has-legal-hold", "false")
}
