from azure.cli.command_modules.acs._params import load_arguments as load_arguments_of_az
from azure.cli.core.commands.validators import validate_tag


def validate_pod_labels(namespace):
    # az's own validator of key=value pairs looks at an argument named tags.
    if isinstance(namespace.pod_labels, list):
        namespace.pod_labels = {key: value for pair in namespace.pod_labels for key, value in validate_tag(pair).items()}


def load_arguments(self, command):
    # create and update have all that az's own have.
    load_arguments_of_az(self, command)

    with self.argument_context('aks create') as c:
        c.argument('enable_pod_identity', action='store_true', help='Enable the pod identity add-on.')
        c.argument('enable_pod_identity_with_kubenet', action='store_true',
                   help='Enable the pod identity add-on for a cluster with the kubenet network plugin.')
    with self.argument_context('aks update') as c:
        c.argument('enable_pod_identity', action='store_true', help='Enable the pod identity add-on.')
        c.argument('enable_pod_identity_with_kubenet', action='store_true',
                   help='Enable the pod identity add-on for a cluster with the kubenet network plugin.')
        c.argument('disable_pod_identity', action='store_true', help='Disable the pod identity add-on.')

    with self.argument_context('aks pod-identity') as c:
        c.argument('cluster_name', options_list=['--cluster-name'], help='The cluster name.')
        c.argument('namespace', options_list=['--namespace'], help='The namespace of the pods.')
        c.argument('name', options_list=['--name', '-n'], id_part=None,
                   help='The name. Default is the name of the identity, or the namespace with "-exception".')
        c.argument('identity_resource_id', options_list=['--identity-resource-id'], help='Resource ID of the identity to use.')
        c.argument('binding_selector', options_list=['--binding-selector'],
                   help='The value of the pods\' label aadpodidbinding. Default is the name.')
        c.argument('pod_labels', nargs='*', validator=validate_pod_labels, options_list=['--pod-labels'],
                   help='Space-separated labels: key=value [key=value ...].')
        c.argument('aks_custom_headers', options_list=['--aks-custom-headers'], help='Comma-separated headers: key=value[,key=value ...].')
