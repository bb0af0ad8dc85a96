"""The plots, as SVG.

SPDX-License-Identifier: ISC
"""

import math
import os
import statistics

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "mqtt-vpnd"  # the same figures make the same file

from matplotlib import pyplot  # noqa: E402: after use()

from parts import ONE_FLOW, SIZES
from report import OURS

OWN_COLOUR, OTHER_COLOUR = "#1f6f8b", "#b8b8b8"


def save(config, figure, name):
    figure.tight_layout()
    figure.savefig(os.path.join(config.output, name), metadata={"Date": None})
    pyplot.close(figure)


def by_size(results, config):
    """Packets through the tunnel against messages through the broker alone."""
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for program in results.programs(metric="by size"):
        points = [(size, results.values(metric="by size", program=program,
                                        setting=f"{size} bytes")) for size in SIZES]
        points = [(size, statistics.median(values)) for size, values in points if values]
        axes.plot(*zip(*points), marker="o",
                  label="broker alone" if program == "broker" else "mqtt-vpnd, UDP packets")
    flow = results.values(part="ceiling", metric=ONE_FLOW, program=OURS)
    if flow:
        axes.axhline(statistics.median(flow), linestyle="--", color=OWN_COLOUR,
                     label="mqtt-vpnd, one TCP flow")
    axes.set(xscale="log", yscale="log", xticks=SIZES, xticklabels=[str(size) for size in SIZES],
             xlabel="bytes of a packet, or of a message", ylabel="Mbit/s",
             title="Throughput by size, and what the broker allows")
    axes.minorticks_off()
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    save(config, figure, "size.svg")


def colours(names):
    return [OWN_COLOUR if name.startswith("mqtt-vpnd") else OTHER_COLOUR for name in names]


def throughput(results, config):
    """The bar is the median, the whisker all of it."""
    wanted = {"part": "throughput", "metric": ONE_FLOW}
    names = [name for name in results.programs(**wanted) if name != "no VPN"]
    values = [results.values(**wanted, program=name) for name in names]
    medians = [statistics.median(those) for those in values]
    whiskers = [[median - min(those) for median, those in zip(medians, values)],
                [max(those) - median for median, those in zip(medians, values)]]
    figure, axes = pyplot.subplots(figsize=(7, 1 + 0.32 * len(names)))
    axes.barh(names, medians, xerr=whiskers, color=colours(names), capsize=2)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set(xlabel="Mbit/s", title="One TCP flow")
    save(config, figure, "throughput.svg")


def under_load(results, config):
    """The dot is the median, the line ends at the slowest ping of all."""
    metrics = ["RTT under load, median", "RTT under load, max"]
    settings = list(dict.fromkeys(row.setting for row in results.select(metric=metrics[0])))
    figure, all_axes = pyplot.subplots(len(settings), 1, sharex=True, squeeze=False,
                                       figsize=(7, 1 + 1.7 * len(settings)))
    for axes, setting in zip(all_axes[:, 0], settings):
        names = results.programs(metric=metrics[0], setting=setting)
        medians, worst = ([pick(results.values(metric=metric, setting=setting, program=name))
                           for name in names]
                          for metric, pick in zip(metrics, (statistics.median, max)))
        axes.hlines(names, medians, worst, colors=colours(names), linewidth=4)
        axes.scatter(medians, names, color=colours(names), s=60, zorder=3)
        axes.invert_yaxis()
        axes.margins(y=0.2)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="x", alpha=0.3)
        axes.set_title(setting, fontsize=10)
    all_axes[-1, 0].set_xlabel("a ping beside eight TCP flows: median and slowest, ms")
    save(config, figure, "load.svg")


def key_server(results, config):
    """How four costs grow with the group, one line for each method."""
    shown = (("join all", "seconds", "All join at once"),
             ("join all: CPU of the server", "seconds", "CPU time of the server for that"),
             ("evict one: bytes to each", "bytes", "One is evicted: what each member is told"),
             ("evict one: until the last has the key", "seconds", "Until the last has the new key"))
    figure, all_axes = pyplot.subplots(2, 2, figsize=(8, 6.5))
    for axes, (metric, unit, title) in zip(all_axes.flat, shown):
        values = results.values(metric=metric)
        if not values:
            continue
        for method, style in zip(config.methods, ("o:", "s-", "^--")):
            points = [(count, results.values(metric=metric, program=method,
                                             setting=f"{count} members"))
                      for count in config.sizes]
            points = [(count, statistics.median(values)) for count, values in points if values]
            if points:
                axes.plot(*zip(*points), style, alpha=0.8, label=method)
        axes.set(xscale="log", yscale="log", xticks=config.sizes, xlabel="members", ylabel=unit,
                 ylim=(10 ** math.floor(math.log10(min(values))),
                       10 ** math.ceil(math.log10(max(values)))))
        axes.set_title(title, fontsize=10)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    all_axes[0, 0].legend()
    save(config, figure, "keyd.svg")


def draw(results, config):
    """Those for which there are figures."""
    if results.select(metric="by size"):
        by_size(results, config)
    if results.select(part="throughput", metric=ONE_FLOW):
        throughput(results, config)
    if results.select(metric="RTT under load, median"):
        under_load(results, config)
