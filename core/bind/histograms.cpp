#include "bind/histograms.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <span>
#include <utility>
#include <vector>

#include "bind/arrays.h"

using namespace narthex;

namespace {

std::vector<std::pair<int32_t, uint32_t>> pairs(const std::vector<BucketSpan>& spans) {
    std::vector<std::pair<int32_t, uint32_t>> out;
    for (BucketSpan s : spans) out.emplace_back(s.offset, s.length);
    return out;
}

template <typename T>
std::vector<T> slice(const std::vector<T>& column, const HistogramRun& run) {
    return {column.begin() + static_cast<ptrdiff_t>(run.first),
            column.begin() + static_cast<ptrdiff_t>(run.last)};
}

// Integers as T, floats as they are.
template <typename T>
nb::object numbers(std::span<const HistogramCell> cells, bool floats) {
    if (floats) {
        std::vector<double> out;
        for (HistogramCell c : cells) out.push_back(c.f);
        return nb::cast(to_numpy(std::move(out)));
    }
    std::vector<T> out;
    for (HistogramCell c : cells) out.push_back(static_cast<T>(c.i));
    return nb::cast(to_numpy(std::move(out)));
}

}  // namespace

nb::list histogram_runs(const HistogramColumns& samples) {
    nb::list out;
    for (const HistogramRun& run : samples.runs) {
        const HistogramLayout& layout = samples.layouts[run.layout];
        size_t n = run.last - run.first;
        nb::dict d;
        d["floats"] = run.floats;
        d["schema"] = layout.schema;
        d["zero_threshold"] = layout.zero_threshold;
        d["positive_spans"] = nb::cast(pairs(layout.positive));
        d["negative_spans"] = nb::cast(pairs(layout.negative));
        d["bounds"] = nb::cast(layout.bounds);
        d["times"] = to_numpy(slice(samples.times, run));
        d["start_times"] = to_numpy(slice(samples.start_times, run));
        d["counts"] = numbers<uint64_t>(std::span(samples.counts).subspan(run.first, n), run.floats);
        d["zero_counts"] =
            numbers<uint64_t>(std::span(samples.zero_counts).subspan(run.first, n), run.floats);
        d["sums"] = to_numpy(slice(samples.sums, run));
        std::vector<uint8_t> hints;
        for (ResetHint hint : slice(samples.hints, run)) hints.push_back(static_cast<uint8_t>(hint));
        d["hints"] = to_numpy(std::move(hints));
        auto cells = std::span(samples.cells).subspan(run.cells, n * run.width);
        d["buckets"] = numbers<int64_t>(cells, run.floats).attr("reshape")(n, run.width);
        out.append(d);
    }
    return out;
}
