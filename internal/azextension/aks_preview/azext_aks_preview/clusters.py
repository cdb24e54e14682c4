"""az's own making and updating of clusters, with the pod identity add-on."""
from azure.cli.command_modules.acs.managed_cluster_decorator import (
    AKSManagedClusterCreateDecorator,
    AKSManagedClusterUpdateDecorator,
)
from azure.cli.core.azclierror import MutuallyExclusiveArgumentError, RequiredArgumentMissingError
from knack.util import CLIError

ARGUMENTS = ('enable_pod_identity', 'enable_pod_identity_with_kubenet', 'disable_pod_identity')


def enable(models, cluster, with_kubenet):
    """Enables the add-on; a cluster on kubenet has to be asked for it in so many words."""
    if not cluster.identity or cluster.identity.type.lower() not in ('systemassigned', 'userassigned'):
        raise RequiredArgumentMissingError('--enable-pod-identity can only be specified when --enable-managed-identity is specified')
    plugin = cluster.network_profile.network_plugin if cluster.network_profile else None
    if (not plugin or plugin.lower() == 'kubenet') and not with_kubenet:
        raise RequiredArgumentMissingError(
            '--enable-pod-identity-with-kubenet is required for enabling pod identity addon when using Kubenet network plugin')
    profile = cluster.pod_identity_profile
    if not profile or not profile.enabled:
        profile = models['ManagedClusterPodIdentityProfile'](
            enabled=True, user_assigned_identities=[], user_assigned_identity_exceptions=[])
        cluster.pod_identity_profile = profile
    if with_kubenet:
        profile.allow_network_plugin_kubenet = True


def check(given):
    if given['enable_pod_identity_with_kubenet'] and not given['enable_pod_identity']:
        raise RequiredArgumentMissingError('--enable-pod-identity-with-kubenet can only be specified when --enable-pod-identity is specified')
    if given['enable_pod_identity'] and given.get('disable_pod_identity'):
        raise MutuallyExclusiveArgumentError('Cannot specify --enable-pod-identity and --disable-pod-identity at the same time')


class Create(AKSManagedClusterCreateDecorator):
    def __init__(self, given, pod_models, **settings):
        super().__init__(**settings)
        self.given, self.pod_models = given, pod_models

    def construct_mc_profile_default(self, bypass_restore_defaults=False):
        check(self.given)
        cluster = super().construct_mc_profile_default(bypass_restore_defaults=bypass_restore_defaults)
        if self.given['enable_pod_identity']:
            enable(self.pod_models, cluster, self.given['enable_pod_identity_with_kubenet'])
        return cluster


class Update(AKSManagedClusterUpdateDecorator):
    def __init__(self, given, pod_models, **settings):
        super().__init__(**settings)
        self.given, self.pod_models = given, pod_models

    def check_raw_parameters(self):
        check(self.given)
        if not any(self.given.values()):
            super().check_raw_parameters()

    def update_mc_profile_default(self):
        cluster = super().update_mc_profile_default()
        if self.given['enable_pod_identity']:
            enable(self.pod_models, cluster, self.given['enable_pod_identity_with_kubenet'])
        if self.given['disable_pod_identity']:
            cluster.pod_identity_profile = self.pod_models['ManagedClusterPodIdentityProfile'](enabled=False)
        return cluster


def profile_of(cluster):
    """The profile of a cluster that has the add-on."""
    if not cluster.pod_identity_profile or not cluster.pod_identity_profile.enabled:
        raise CLIError('The pod identity addon is not enabled for this managed cluster yet.\n'
                       'To enable, run "az aks update --enable-pod-identity')
    return cluster.pod_identity_profile
