package providers_test

import (
	"strings"
	"testing"
)

const (
	computeVersion = "?api-version=2023-09-01"
	diskVersion    = "?api-version=2023-04-02"
	computePath    = "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.Compute/"
)

// machineBody is a machine on the interface "n".
func machineBody(more string) string {
	return `{"location":"westus2","properties":{"hardwareProfile":{"vmSize":"Standard_B1s"},
		"storageProfile":{"imageReference":{"publisher":"Canonical"},"osDisk":{"createOption":"FromImage","deleteOption":"Delete"}},
		"osProfile":{"computerName":"m","adminUsername":"u","adminPassword":"hidden","linuxConfiguration":{"disablePasswordAuthentication":false}},
		"networkProfile":{"networkInterfaces":[{"id":"` + netPath + `networkInterfaces/n"}]}}` + more + `}`
}

func (f *fixture) makeInterface() {
	f.Helper()
	f.makeNetwork()
	f.must(201, "PUT", netPath+"networkInterfaces/n"+docVersion, `{"location":"westus2","properties":{"ipConfigurations":[{"name":"ip","properties":{"subnet":{"id":"`+netPath+`virtualNetworks/v/subnets/s"}}}]}}`)
}

func TestMachinesHoldDisksAndInterfaces(t *testing.T) {
	f := newCloud(t)
	f.makeInterface()
	vm := computePath + "virtualMachines/m"
	made := f.must(201, "PUT", vm+computeVersion, machineBody(""))
	if strings.Contains(encode(t, made), "hidden") {
		t.Error("the password is shown")
	}
	disk, _ := at(made, "properties", "storageProfile", "osDisk", "managedDisk", "id").(string)
	shown := f.must(200, "GET", disk+diskVersion, "")
	f.has(shown, vm, "managedBy")
	f.has(shown, "Attached", "properties", "diskState")
	f.refused(ownerID, 409, "OperationNotAllowed", "DELETE", disk+diskVersion, "")
	f.refused(ownerID, 400, "NicInUse", "DELETE", netPath+"networkInterfaces/n"+docVersion, "")
	f.has(f.must(200, "GET", netPath+"networkInterfaces/n"+docVersion, ""), vm, "properties", "virtualMachine", "id")
	f.refused(ownerID, 400, "NicInUse", "PUT", computePath+"virtualMachines/other"+computeVersion, machineBody(""))

	again := f.must(200, "PUT", vm+computeVersion, machineBody(""))
	f.has(again, disk, "properties", "storageProfile", "osDisk", "managedDisk", "id")
	f.must(200, "PUT", computePath+"disks/data"+diskVersion, `{"location":"westus2","properties":{"creationData":{"createOption":"Empty"},"diskSizeGB":8}}`)
	f.must(200, "PATCH", vm+computeVersion, `{"properties":{"storageProfile":{"dataDisks":[{"lun":0,"createOption":"Attach","managedDisk":{"id":"`+computePath+`disks/data"}}]}}}`)
	f.has(f.must(200, "GET", computePath+"disks/data"+diskVersion, ""), "Attached", "properties", "diskState")

	image := f.must(200, "PUT", computePath+"images/of"+computeVersion, `{"location":"westus2","properties":{"sourceVirtualMachine":{"id":"`+vm+`"}}}`)
	f.has(image, disk, "properties", "storageProfile", "osDisk", "managedDisk", "id")
	f.has(image, computePath+"disks/data", "properties", "storageProfile", "dataDisks", 0, "managedDisk", "id")
	for action, state := range map[string]string{"powerOff": "PowerState/stopped", "deallocate": "PowerState/deallocated", "start": "PowerState/running"} {
		f.must(200, "POST", vm+"/"+action+computeVersion, "")
		f.has(f.must(200, "GET", vm+"/instanceView"+computeVersion, ""), state, "statuses", 1, "code")
		f.has(f.must(200, "GET", vm+computeVersion+"&$expand=instanceView", ""), state, "properties", "instanceView", "statuses", 1, "code")
	}
	f.must(200, "DELETE", vm+computeVersion, "")
	f.refused(ownerID, 404, "ResourceNotFound", "GET", disk+diskVersion, "")
	f.has(f.must(200, "GET", computePath+"disks/data"+diskVersion, ""), "Unattached", "properties", "diskState")
	f.must(200, "DELETE", computePath+"disks/data"+diskVersion, "")
	f.must(200, "DELETE", netPath+"networkInterfaces/n"+docVersion, "")
}

func TestDisksThatAMachineAsksForHaveAKindAndNoID(t *testing.T) {
	f := newCloud(t)
	f.makeInterface()
	body := strings.Replace(machineBody(""), `"deleteOption":"Delete"}`, `"managedDisk":{"storageAccountType":"Standard_LRS"}},
		"dataDisks":[{"lun":0,"createOption":"Empty","diskSizeGB":4,"managedDisk":{"storageAccountType":"StandardSSD_LRS"}}]`, 1)
	made := f.must(201, "PUT", computePath+"virtualMachines/m"+computeVersion, body)
	disk, _ := at(made, "properties", "storageProfile", "osDisk", "managedDisk", "id").(string)
	f.has(f.must(200, "GET", disk+diskVersion, ""), "Standard_LRS", "sku", "name")
	f.refused(ownerID, 400, "LinkedInvalidPropertyId", "PUT", computePath+"virtualMachines/other"+computeVersion, strings.Replace(body, `"managedDisk":{"storageAccountType":"Standard_LRS"}`, `"managedDisk":{}`, 1))
}

func TestMachinesCarryIdentitiesAsScaleSetsDo(t *testing.T) {
	f := newCloud(t)
	f.makeInterface()
	vm := computePath + "virtualMachines/m"
	const idVersion = "?api-version=2023-01-31"
	identity := func(name string) string {
		id := "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
		f.must(201, "PUT", id+idVersion, `{"location":"westus2"}`)
		return id
	}
	one, two := identity("one"), identity("two")
	made := f.must(201, "PUT", vm+computeVersion, machineBody(`,"identity":{"type":"SystemAssigned,UserAssigned","userAssignedIdentities":{"`+one+`":{}}}`))
	own := at(made, "identity", "principalId")
	if own == nil || at(made, "identity", "userAssignedIdentities", one, "clientId") == nil {
		t.Fatalf("identities: %v", made["identity"])
	}
	patched := f.must(200, "PATCH", vm+computeVersion, `{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+two+`":{}}}}`)
	if at(patched, "identity", "userAssignedIdentities", one) == nil || at(patched, "identity", "userAssignedIdentities", two) == nil {
		t.Errorf("{} adds and absent keeps: %v", patched["identity"])
	}
	f.has(patched, own, "identity", "principalId")
	patched = f.must(200, "PATCH", vm+computeVersion, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+one+`":null}}}`)
	if at(patched, "identity", "userAssignedIdentities", one) != nil || at(patched, "identity", "principalId") != nil {
		t.Errorf("null removes, and the own one goes with its type: %v", patched["identity"])
	}
	// Who may write machines still needs assign/action on the identity itself.
	const contributor = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c" // Virtual Machine Contributor
	f.grant(guestID, contributor, group("g"))
	message := f.refused(guestID, 403, "LinkedAuthorizationFailed", "PATCH", vm+computeVersion, `{"identity":{"type":"UserAssigned","userAssignedIdentities":{"`+one+`":{}}}}`)
	if !strings.Contains(message, "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action") || !strings.Contains(message, one) {
		t.Error(message)
	}
}

func TestDisksGrowAndAreCopied(t *testing.T) {
	f := newCloud(t)
	disk := computePath + "disks/d"
	f.refused(ownerID, 400, "InvalidParameter", "PUT", disk+diskVersion, `{"location":"westus2","properties":{"creationData":{"createOption":"Empty"}}}`)
	made := f.must(200, "PUT", disk+diskVersion, `{"location":"westus2","zones":["1"],"properties":{"creationData":{"createOption":"Empty"},"diskSizeGB":8}}`)
	f.has(made, float64(8<<30), "properties", "diskSizeBytes")
	f.must(200, "PATCH", disk+diskVersion, `{"properties":{"diskSizeGB":16}}`)
	f.refused(ownerID, 409, "OperationNotAllowed", "PATCH", disk+diskVersion, `{"properties":{"diskSizeGB":4}}`)
	snapshot := f.must(200, "PUT", computePath+"snapshots/s"+diskVersion, `{"location":"westus2","properties":{"creationData":{"createOption":"Copy","sourceResourceId":"`+disk+`"}}}`)
	f.has(snapshot, float64(16), "properties", "diskSizeGB")
	image := computePath + "images/i"
	f.refused(ownerID, 404, "ResourceNotFound", "GET", image+computeVersion, "")
	f.refused(ownerID, 400, "InvalidParameter", "PUT", image+computeVersion, `{"location":"westus2","properties":{}}`)
	of := func(source string) string {
		return `{"location":"westus2","properties":{"storageProfile":{"osDisk":{"osType":"linux","osState":"Generalized","managedDisk":{"id":"` + source + `"}}}}}`
	}
	f.refused(ownerID, 400, "InvalidResourceReference", "PUT", image+computeVersion, of(computePath+"disks/none"))
	f.has(f.must(200, "PUT", image+computeVersion, of(disk)), "Linux", "properties", "storageProfile", "osDisk", "osType")
	f.has(f.must(200, "GET", computePath+"images"+computeVersion, ""), image, "value", 0, "id")
	f.must(200, "DELETE", disk+diskVersion, "")
	f.must(200, "DELETE", image+computeVersion, "")
	f.must(200, "PUT", computePath+"availabilitySets/a"+computeVersion, `{"location":"westus2","sku":{"name":"Aligned"}}`)
}
