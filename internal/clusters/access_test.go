package clusters

import (
	"testing"
	"time"
)

// az aks get-credentials --admin adds "-admin" to the context of whoever is called
// clusterAdmin_…: one that has it already came out as NAME-admin-admin.
func TestKubeconfigsAreNamedAsAzExpects(t *testing.T) {
	var record clusterRecord
	record.Name, record.ResourceGroup = "kites", "group"
	for a, user := range map[account]string{administrator: "clusterAdmin_group_kites", user: "clusterUser_group_kites", monitor: "clusterMonitoringUser_group_kites"} {
		p := (&Engine{}).person(record, a, "https://127.0.0.1:1", time.Hour)
		if p.Cluster != "kites" || p.Context != "kites" || p.User != user {
			t.Errorf("%s: cluster %s, context %s, user %s", a, p.Cluster, p.Context, p.User)
		}
	}
}

// A role that is for looking on gives nobody the whole cluster.
func TestMonitoringAccountIsNoAdministrator(t *testing.T) {
	for _, b := range roleBindings() {
		for _, subject := range b.Subjects {
			if subject.Name == string(monitor) && b.RoleRef.Name != "view" {
				t.Errorf("%s gives %s the role %s", b.Name, subject.Name, b.RoleRef.Name)
			}
		}
	}
}
