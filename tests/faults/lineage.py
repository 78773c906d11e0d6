"""Which versions of a table make up its content once jobs went on from one another's checkpoints. Pure.

A job that goes on from another's checkpoint takes each table over in one commit, the handover: it names the lineages
whose later epochs are undone, and removes their files. What stands then, with what the new lineage adds, is a history
like that of a single job; this finds it for every lineage, and sees to it that each handover removes and brings back
just the files that make the difference.
"""

import dataclasses


def chains(history):
    """({lineage: its versions and those before it that stand, in order}, violations). Versions that carry no signature,
    and files of handovers, are left out."""
    found, wrong, past, files, current = {}, [], [], set(), None
    for version in history:
        if version.weir is None:
            continue
        files = files - set(version.removes) | set(version.adds)
        past.append(version)
        lineage = lineage_of(version)
        if version.restore is not None:
            stand = standing(past)
            current = lineage
            found[lineage] = [bare(v) for v in stand if "epoch" in v.weir]
            expected = {name for v in stand if v.restore is None for name in v.adds}
            if files != expected:
                wrong.append(f"version {version.number} hands over with other files than those of the versions that "
                             f"stand: {sorted(files ^ expected)[:3]}")
            continue
        if version.removes:
            wrong.append(f"version {version.number} removes files")
        if current is None:
            current = lineage
        if lineage != current:
            wrong.append(f"version {version.number} is of another lineage")
        found.setdefault(current, []).append(version)
    return found, wrong


def lineage_of(version):
    return version.txns[0][0].partition("/")[0] if version.restore is not None else version.weir["lineage"]


def standing(past):
    """Versions that no handover which stands itself has undone."""
    out, undone = [], {}
    for version in reversed(past):
        epoch = version.txns[0][1]
        if epoch > undone.get(lineage_of(version), epoch):
            continue
        out.append(version)
        for writer in version.restore["undone"] if version.restore is not None else []:
            lineage = writer["app_id"].partition("/")[0]
            undone[lineage] = min(undone.get(lineage, writer["after"]), writer["after"])
    return out[::-1]


def bare(version):
    """A handover without the files it moves."""
    return version if version.restore is None else dataclasses.replace(version, adds={}, removes=[])
