from knack.help_files import helps

helps['aks pod-identity'] = """
type: group
short-summary: Commands to manage pod identities in a managed Kubernetes cluster.
"""

helps['aks pod-identity add'] = """
type: command
short-summary: Add a pod identity to a managed Kubernetes cluster.
examples:
- name: Let the pods of a namespace use an identity.
  text: az aks pod-identity add -g MyResourceGroup --cluster-name MyCluster --namespace my-app --name my-pod-identity --identity-resource-id ID
"""

helps['aks pod-identity delete'] = """
type: command
short-summary: Remove a pod identity from a managed Kubernetes cluster.
"""

helps['aks pod-identity list'] = """
type: command
short-summary: List the pod identities of a managed Kubernetes cluster.
"""

helps['aks pod-identity exception'] = """
type: group
short-summary: Commands to manage pod identity exceptions in a managed Kubernetes cluster.
"""

helps['aks pod-identity exception add'] = """
type: command
short-summary: Let pods with these labels reach the metadata service past the pod identity add-on.
"""

helps['aks pod-identity exception delete'] = """
type: command
short-summary: Remove a pod identity exception.
"""

helps['aks pod-identity exception update'] = """
type: command
short-summary: Change the labels of a pod identity exception.
"""

helps['aks pod-identity exception list'] = """
type: command
short-summary: List the pod identity exceptions of a managed Kubernetes cluster.
"""
