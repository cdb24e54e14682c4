package compute

import (
	"fmt"
	"net/http"
	"regexp"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// Full types that others refer to.
const (
	machineType  = namespace + "/virtualMachines"
	diskType     = namespace + "/disks"
	snapshotType = namespace + "/snapshots"
	setType      = namespace + "/availabilitySets"
)

const timeFormat = "2006-01-02T15:04:05.0000000Z07:00"

// kinds are the types that consist of their documents.
func (p *Provider) kinds() []shape.Kind {
	return []shape.Kind{p.virtualMachines(), p.disks(), p.snapshots(), p.ownImages(), p.availabilitySets()}
}

func (p *Provider) deps() shape.Deps {
	return shape.Deps{Store: p.cfg.Store, Resources: p.cfg.Resources, Identities: p.carrier()}
}

// document has the facts that all documents of Microsoft.Compute share.
func document(name string, versions []string) providers.Type {
	return providers.Type{
		Namespace: namespace, Name: name, APIVersions: versions, Levels: providers.AtGroup, Tracked: true, HideSystem: true, ListBySubscription: true,
		NamePattern: regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?$`),
		NameRule:    "The name can be up to 80 characters long and must begin and end with a letter, a number or '_'.",
		MadeOK:      name != "virtualMachines", // the SDKs take no 201 for the others
	}
}

// diskVersions are those of disks and snapshots, which have their own.
func diskVersions() []string {
	return []string{
		"2018-06-01", "2018-09-30", "2019-03-01", "2019-07-01", "2019-11-01", "2020-05-01", "2020-06-30", "2020-09-30", "2020-12-01",
		"2021-04-01", "2021-08-01", "2021-12-01", "2022-03-02", "2022-07-02", "2023-01-02", "2023-04-02", "2023-10-02", "2024-03-02", "2025-01-02",
	}
}

// stampOnce sets the members that a document gets when it is made.
func stampOnce(d *shape.Document, id string) {
	if d.Properties.Text(id) == "" {
		d.Properties.Set(id, uuid.NewString())
	}
	if d.Properties.Text("timeCreated") == "" {
		d.Properties.Set("timeCreated", d.Request.Now.UTC().Format(timeFormat))
	}
}

func (p *Provider) availabilitySets() shape.Kind {
	return shape.Kind{
		Type: document("availabilitySets", apiVersions()),
		SKU:  `{"name":"Classic"}`,
		Rules: shape.Rules{
			Defaults: `{"platformUpdateDomainCount":5,"platformFaultDomainCount":2}`,
			Ranges:   map[string][2]int{"platformUpdateDomainCount": {1, 20}, "platformFaultDomainCount": {1, 3}},
			Fixed:    []string{"platformUpdateDomainCount", "platformFaultDomainCount"},
			Backs:    []shape.Back{{Member: "virtualMachines", From: machineType}},
		},
		Show: showSet,
		InUse: func(target armid.ID, by []armid.ID) *rest.Error {
			return rest.NewError(http.StatusConflict, "OperationNotAllowed", fmt.Sprintf(
				"Availability Set '%s' cannot be deleted. Before deleting an Availability Set please ensure that it does not contain any VM: it has %s.", target.Name(), by[0]))
		},
	}
}
