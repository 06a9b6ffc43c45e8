"""Photos on a cluster of Ray, by its own map over a list of files, with the command as the worker; compared with one run.

usage: python tests/scale/ray_embed.py FOLDER OUT        (ray[data] from PyPI, in an environment of its own; 2.60.0 was tried)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import ray

CLI = str(pathlib.Path(__file__).resolve().parents[2] / "web" / "cli.js")


def embed(batch):
    """Rows of paths to rows of paths and embeddings. Names and embeddings of what cannot be read are left out."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "embeddings.jsonl"
        command = ["node", CLI, "embed", "-", "-o", str(out), "--workers", "1"]
        done = subprocess.run(command, input="\n".join(batch["path"]) + "\n", text=True, capture_output=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        rows = [json.loads(line) for line in out.read_text().splitlines()]
    return {"path": [row["file"] for row in rows], "embedding": [row["embedding"] for row in rows]}


def main(folder, out):
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    subprocess.run(["node", CLI, "embed", folder, "-o", str(out / "whole.jsonl")], check=False)
    whole = [json.loads(line) for line in (out / "whole.jsonl").read_text().splitlines()]
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    paths = sorted(str(path) for path in pathlib.Path(folder).rglob("*.*") if path.is_file())
    items = [{"path": path} for path in paths]
    rows = ray.data.from_items(items, override_num_blocks=4).map_batches(embed, batch_size=64).take_all()
    found = {row["path"]: [float(x) for x in row["embedding"]] for row in rows}
    assert len(found) == len(whole), (len(found), len(whole))
    for row in whole:
        assert found[row["file"]] == row["embedding"], row["file"]
    print(f"ray {ray.__version__}: {len(found)} photos on {int(ray.cluster_resources()['CPU'])} CPUs, each as in one run, to the bit")


main(*sys.argv[1:3])
