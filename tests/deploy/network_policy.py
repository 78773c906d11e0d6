"""What a set of NetworkPolicies lets through, by the rules of networking.k8s.io/v1: a pod that some policy selects for a direction
takes only what one of these policies allows."""

import dataclasses
import ipaddress


@dataclasses.dataclass(frozen=True)
class Peer:
    """A pod, or an address outside of the cluster."""
    labels: tuple = ()  # of the pod
    namespace: tuple = ()  # labels of its namespace; the policies' own has NAMESPACE_LABEL only
    address: str = ""
    ports: tuple = ()  # (name, number) of the containers


NAMESPACE_LABEL = "kubernetes.io/metadata.name"


def allows(policies, own_namespace, source, target, port, protocol="TCP"):
    """Whether `source` may open a connection to `target`, both sides' policies asked."""
    out = _allowed(policies, own_namespace, "Egress", source, target, target, port, protocol)
    into = _allowed(policies, own_namespace, "Ingress", target, source, target, port, protocol)
    return out and into


def _allowed(policies, own_namespace, direction, subject, peer, server, port, protocol):
    if not subject.labels or dict(subject.namespace).get(NAMESPACE_LABEL) != own_namespace:
        return True  # not a pod that these policies can select
    selecting = [p["spec"] for p in policies
                 if direction in p["spec"]["policyTypes"] and _selects(p["spec"]["podSelector"], subject.labels)]
    if not selecting:
        return True
    rules = [rule for spec in selecting for rule in spec.get(direction.lower(), [])]
    return any(_peer_matches(rule.get("from" if direction == "Ingress" else "to"), own_namespace, peer) and
               _port_matches(rule.get("ports"), server, port, protocol) for rule in rules)


def _selects(selector, labels):
    assert set(selector) <= {"matchLabels"}, f"a selector of a kind that isn't modelled here: {selector}"
    return selector.get("matchLabels", {}).items() <= dict(labels).items()


def _peer_matches(peers, own_namespace, peer):
    return peers is None or any(_one_matches(p, own_namespace, peer) for p in peers)


def _one_matches(wanted, own_namespace, peer):
    if "ipBlock" in wanted:
        if not peer.address:
            return False  # pods' addresses: nobody should count on them
        address = ipaddress.ip_address(peer.address)
        block = wanted["ipBlock"]
        return (address in ipaddress.ip_network(block["cidr"]) and
                not any(address in ipaddress.ip_network(e) for e in block.get("except", [])))
    if peer.address:
        return False
    if "namespaceSelector" in wanted:
        if not _selects(wanted["namespaceSelector"], peer.namespace):
            return False
    elif dict(peer.namespace).get(NAMESPACE_LABEL) != own_namespace:
        return False
    return _selects(wanted.get("podSelector", {}), peer.labels)


def _port_matches(ports, server, port, protocol):
    if ports is None:
        return True
    for wanted in ports:
        if wanted.get("protocol", "TCP") != protocol:
            continue
        first = wanted["port"]
        if isinstance(first, str):
            first = dict(server.ports).get(first)
        if first is not None and first <= port <= wanted.get("endPort", first):
            return True
    return False
