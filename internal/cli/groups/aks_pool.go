package groups

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// number reads a whole number of the command line; "" is absent.
func number(c *command.Call, key string) (any, error) {
	text := c.Get(key)
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, command.Usage("argument --%s: invalid int value: '%s'", key, text)
	}
	return value.Int(n), nil
}

// setNumbers sets fields of a document from options: option, field.
func setNumbers(c *command.Call, o *value.Object, fields ...string) error {
	for i := 0; i+1 < len(fields); i += 2 {
		n, err := number(c, fields[i])
		if err != nil {
			return err
		}
		if n != nil {
			o.Set(fields[i+1], n)
		}
	}
	return nil
}

// firstPool is the node pool of a new cluster.
func firstPool(c *command.Call) (*value.Object, error) {
	size, kind := c.Get("node-vm-size"), c.Get("vm-set-type")
	if size == "" {
		size = "Standard_DS2_v2"
	}
	if kind == "" {
		kind = "VirtualMachineScaleSets"
	}
	pool := value.NewObject("name", c.Get("nodepool-name"), "vmSize", size)
	if err := setNumbers(c, pool, "node-count", "count", "node-osdisk-size", "osDiskSizeGB"); err != nil {
		return nil, err
	}
	pool.Set("osType", "Linux").Set("enableAutoScaling", c.On("enable-cluster-autoscaler")).Set("type", kind).Set("mode", "System").
		Set("orchestratorVersion", c.Get("kubernetes-version")).Set("upgradeSettings", value.NewObject()).
		Set("enableNodePublicIP", c.On("enable-node-public-ip")).Set("scaleSetPriority", "Regular").Set("scaleSetEvictionPolicy", "Delete").Set("spotMaxPrice", json.Number("-1.0")).
		Set("nodeTaints", []any{}).Set("enableEncryptionAtHost", false).Set("enableUltraSSD", false).Set("enableFIPS", false)
	if c.Given("nodepool-labels") {
		pool.Set("nodeLabels", pairs(c.List("nodepool-labels")))
	}
	if c.Given("nodepool-tags") {
		pool.Set("tags", pairs(c.List("nodepool-tags")))
	}
	return pool, setPool(c, pool)
}

// setPool sets what first and further node pools share.
func setPool(c *command.Call, pool *value.Object) error {
	for option, field := range map[string]string{"vnet-subnet-id": "vnetSubnetID", "pod-subnet-id": "podSubnetID", "node-osdisk-type": "osDiskType", "os-sku": "osSKU"} {
		if v := c.Get(option); v != "" {
			pool.Set(field, v)
		}
	}
	if zones := c.List("zones"); len(zones) > 0 {
		pool.Set("availabilityZones", value.Strings(zones))
	}
	if c.Get("max-pods") != "0" {
		if err := setNumbers(c, pool, "max-pods", "maxPods"); err != nil {
			return err
		}
	}
	return setNumbers(c, pool, "min-count", "minCount", "max-count", "maxCount")
}

// taints splits key=value:effect words.
func taints(text string) []any {
	if strings.TrimSpace(text) == "" {
		return []any{}
	}
	return value.Strings(strings.Split(text, ","))
}
