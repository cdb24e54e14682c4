"""Pod identity of AKS for az: what az's own `aks` lacks."""
from azure.cli.core import AzCommandsLoader

from azext_aks_preview import _help  # noqa: F401  (az reads the texts when it is imported)


class PodIdentityCommandsLoader(AzCommandsLoader):
    def __init__(self, cli_ctx=None):
        from azure.cli.core.commands import CliCommandType
        from azure.cli.core.profiles import ResourceType
        super().__init__(
            cli_ctx=cli_ctx,
            custom_command_type=CliCommandType(operations_tmpl='azext_aks_preview.custom#{}'),
            resource_type=ResourceType.MGMT_CONTAINERSERVICE,
        )

    def load_command_table(self, args):
        from azure.cli.command_modules.acs._client_factory import cf_managed_clusters
        with self.command_group('aks', client_factory=cf_managed_clusters) as g:
            g.custom_command('create', 'aks_create', supports_no_wait=True)
            g.custom_command('update', 'aks_update', supports_no_wait=True)
        with self.command_group('aks pod-identity', client_factory=cf_managed_clusters) as g:
            g.custom_command('add', 'pod_identity_add', supports_no_wait=True)
            g.custom_command('delete', 'pod_identity_delete', supports_no_wait=True)
            g.custom_command('list', 'pod_identity_list')
        with self.command_group('aks pod-identity exception', client_factory=cf_managed_clusters) as g:
            g.custom_command('add', 'exception_add', supports_no_wait=True)
            g.custom_command('delete', 'exception_delete', supports_no_wait=True)
            g.custom_command('update', 'exception_update', supports_no_wait=True)
            g.custom_command('list', 'pod_identity_list')
        return self.command_table

    def load_arguments(self, command):
        from azext_aks_preview._params import load_arguments
        load_arguments(self, command)


COMMAND_LOADER_CLS = PodIdentityCommandsLoader
