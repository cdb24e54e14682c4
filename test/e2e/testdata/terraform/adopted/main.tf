# "Azure Kubernetes Service and managed identities": its two role assignments as printed, for a cluster that az has made.
# Both scopes, which the page leaves out, are the group of the nodes. The cluster stays as az made it.
terraform {
  required_version = ">= 1.7"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.0"
    }
  }
}

provider "azurerm" {
  features {}
}

variable "cluster" {
  description = "the ID of the cluster, with resourceGroups in this spelling"
  type        = string
}

import {
  to = azurerm_kubernetes_cluster.k8s
  id = var.cluster
}

resource "azurerm_kubernetes_cluster" "k8s" {
  name                = "cluster"
  location            = "eastus"
  resource_group_name = "seed1"
  dns_prefix          = "cluster"

  identity {
    type = "SystemAssigned"
  }

  node_provisioning_profile {
    mode = "Manual"
  }

  default_node_pool {
    name       = "nodepool1"
    node_count = 1
    vm_size    = "Standard_DS2_v2"
  }

  lifecycle {
    ignore_changes = all
  }
}

data "azurerm_resource_group" "k8s-rg" {
  name = azurerm_kubernetes_cluster.k8s.node_resource_group
}

resource "azurerm_role_assignment" "aks_network_role" {
  scope                = data.azurerm_resource_group.k8s-rg.id
  role_definition_name = "Network Contributor"
  principal_id         = azurerm_kubernetes_cluster.k8s.identity[0].principal_id
}

resource "azurerm_role_assignment" "managed_id_role" {
  scope                = data.azurerm_resource_group.k8s-rg.id
  role_definition_name = "Managed Identity Operator"
  principal_id         = azurerm_kubernetes_cluster.k8s.kubelet_identity[0].object_id
  depends_on           = [data.azurerm_resource_group.k8s-rg]
}
