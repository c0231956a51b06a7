"""stub"""


def describe_spaces(o, a):
    return {}


import dataclasses

from esbench.policies.networks import PolicySettings
from esbench.settings import build, field_names


def setting_names(policy):
    return field_names(PolicySettings)


def build_network(policy, values):
    return build(PolicySettings, values)


def describe(network):
    return {"name": "mlp", **dataclasses.asdict(network)}


def check_policy(policy, observation_space, action_space):
    pass


def network_from(record):
    return build(PolicySettings, {k: v for k, v in record.items() if k != "name"})
