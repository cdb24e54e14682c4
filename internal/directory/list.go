package directory

import "strings"

// ServicePrincipals returns the principals of a tenant, in no order, from memory.
func (d *Directory) ServicePrincipals(tenantID string) []ServicePrincipal {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	var found []ServicePrincipal
	for _, one := range d.index.objects {
		if strings.EqualFold(one.TenantID, tenantID) {
			found = append(found, one.ServicePrincipal)
		}
	}
	return found
}
