"""The commands."""
import inspect

from azure.cli.command_modules.acs import custom as az
from azure.cli.command_modules.acs._consts import DecoratorEarlyExitException
from azure.cli.command_modules.acs._helpers import get_user_assigned_identity_by_resource_id
from azure.cli.command_modules.acs._roleassignments import ensure_cluster_identity_permission_on_kubelet_identity
from azure.cli.core.profiles import ResourceType
from azure.cli.core.util import sdk_no_wait
from knack.util import CLIError

from azext_aks_preview import clusters


def models(cmd):
    names = ('ManagedClusterPodIdentityProfile', 'ManagedClusterPodIdentity', 'ManagedClusterPodIdentityException', 'UserAssignedIdentity')
    return {name: cmd.get_models(name, resource_type=ResourceType.MGMT_CONTAINERSERVICE, operation_group='managed_clusters')
            for name in names}


def extended(function, arguments):
    """Makes az see the arguments of one of its own functions, and some switches more."""
    signature = inspect.signature(function)

    def decorate(replacement):
        more = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False) for name in arguments]
        replacement.__signature__ = signature.replace(parameters=[*signature.parameters.values(), *more])
        replacement.__doc__ = function.__doc__
        return replacement
    return decorate


def with_defaults(function, given):
    """All arguments of a function by name, as its own body sees them."""
    bound = inspect.signature(function).bind(**given)
    bound.apply_defaults()
    return dict(bound.arguments)


def split(given, names):
    return {name: given.pop(name, False) for name in names}


@extended(az.aks_create, clusters.ARGUMENTS[:2])
def aks_create(**given):
    pod = split(given, clusters.ARGUMENTS[:2])
    raw = with_defaults(az.aks_create, given)
    decorator = clusters.Create(pod, models(raw['cmd']), cmd=raw['cmd'], client=raw['client'], raw_parameters=raw,
                                resource_type=ResourceType.MGMT_CONTAINERSERVICE)
    try:
        cluster = decorator.construct_mc_profile_default()
    except DecoratorEarlyExitException:
        return None
    return decorator.create_mc(cluster)


@extended(az.aks_update, clusters.ARGUMENTS)
def aks_update(**given):
    pod = split(given, clusters.ARGUMENTS)
    raw = with_defaults(az.aks_update, given)
    decorator = clusters.Update(pod, models(raw['cmd']), cmd=raw['cmd'], client=raw['client'], raw_parameters=raw,
                                resource_type=ResourceType.MGMT_CONTAINERSERVICE)
    try:
        cluster = decorator.update_mc_profile_default()
    except DecoratorEarlyExitException:
        return None
    return decorator.update_mc(cluster)


def put(client, group, name, cluster, headers, no_wait):
    """Sends the whole cluster, with its pod identities as they are wished."""
    profile = cluster.pod_identity_profile
    for identity in profile.user_assigned_identities or []:
        identity.provisioning_info = identity.provisioning_state = None
    for exception in profile.user_assigned_identity_exceptions or []:
        exception.pod_labels = exception.pod_labels or {}
    sent = dict(pair.split('=', 1) for pair in headers.split(',')) if headers else {}
    return sdk_no_wait(no_wait, client.begin_create_or_update, group, name, cluster, headers=sent)


def same(entry, namespace, name):
    return entry.namespace == namespace and entry.name == name


def pod_identity_add(cmd, client, resource_group_name, cluster_name, namespace, identity_resource_id, name=None,
                     binding_selector=None, aks_custom_headers=None, no_wait=False):
    cluster = client.get(resource_group_name, cluster_name)
    profile = clusters.profile_of(cluster)
    user = get_user_assigned_identity_by_resource_id(cmd.cli_ctx, identity_resource_id)
    name = name or user.name
    entries = profile.user_assigned_identities or []
    if any(same(entry, namespace, name) for entry in entries):
        raise CLIError('pod identity {}/{} already exists'.format(namespace, name))
    ensure_cluster_identity_permission_on_kubelet_identity(cmd, principal_of(cluster), user.id)
    kinds = models(cmd)
    entry = kinds['ManagedClusterPodIdentity'](
        name=name, namespace=namespace,
        identity=kinds['UserAssignedIdentity'](resource_id=user.id, client_id=user.client_id, object_id=user.principal_id))
    if binding_selector is not None:
        entry.binding_selector = binding_selector
    profile.user_assigned_identities = entries + [entry]
    return put(client, resource_group_name, cluster_name, cluster, aks_custom_headers, no_wait)


def principal_of(cluster):
    """Who has to be allowed to assign identities: the cluster's control plane."""
    if cluster.identity and cluster.identity.type.lower() == 'userassigned':
        return next(iter(cluster.identity.user_assigned_identities.values())).principal_id
    if cluster.identity and cluster.identity.principal_id:
        return cluster.identity.principal_id
    raise CLIError('Cannot get cluster identity principal: the cluster has no managed identity')


def pod_identity_delete(cmd, client, resource_group_name, cluster_name, namespace, name, aks_custom_headers=None, no_wait=False):
    cluster = client.get(resource_group_name, cluster_name)
    profile = clusters.profile_of(cluster)
    profile.user_assigned_identities = [e for e in profile.user_assigned_identities or [] if not same(e, namespace, name)]
    return put(client, resource_group_name, cluster_name, cluster, aks_custom_headers, no_wait)


def pod_identity_list(cmd, client, resource_group_name, cluster_name):
    return az._remove_nulls([client.get(resource_group_name, cluster_name)])[0]


def exception_add(cmd, client, resource_group_name, cluster_name, namespace, pod_labels, name=None, aks_custom_headers=None, no_wait=False):
    cluster = client.get(resource_group_name, cluster_name)
    profile = clusters.profile_of(cluster)
    name = name or namespace + '-exception'
    entries = profile.user_assigned_identity_exceptions or []
    if any(same(entry, namespace, name) for entry in entries):
        raise CLIError('pod identity exception {}/{} already exists'.format(namespace, name))
    entry = models(cmd)['ManagedClusterPodIdentityException'](name=name, namespace=namespace, pod_labels=pod_labels)
    profile.user_assigned_identity_exceptions = entries + [entry]
    return put(client, resource_group_name, cluster_name, cluster, aks_custom_headers, no_wait)


def exception_update(cmd, client, resource_group_name, cluster_name, namespace, name, pod_labels, aks_custom_headers=None, no_wait=False):
    cluster = client.get(resource_group_name, cluster_name)
    profile = clusters.profile_of(cluster)
    for entry in profile.user_assigned_identity_exceptions or []:
        if same(entry, namespace, name):
            entry.pod_labels = pod_labels
            return put(client, resource_group_name, cluster_name, cluster, aks_custom_headers, no_wait)
    raise CLIError('pod identity exception {}/{} not found'.format(namespace, name))


def exception_delete(cmd, client, resource_group_name, cluster_name, namespace, name, aks_custom_headers=None, no_wait=False):
    cluster = client.get(resource_group_name, cluster_name)
    profile = clusters.profile_of(cluster)
    profile.user_assigned_identity_exceptions = [e for e in profile.user_assigned_identity_exceptions or [] if not same(e, namespace, name)]
    return put(client, resource_group_name, cluster_name, cluster, aks_custom_headers, no_wait)
