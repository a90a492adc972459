#include "bind/histograms.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "chunk/histogram_batch.h"
#include "histogram/as_sample.h"

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

std::vector<BucketSpan> spans(const std::vector<std::pair<int32_t, uint32_t>>& from) {
    std::vector<BucketSpan> out;
    for (auto [offset, length] : from) out.push_back({offset, length});
    return out;
}

// Integers or doubles of eight bytes.
using Numbers = nb::ndarray<nb::c_contig, nb::device::cpu, nb::ro>;

std::vector<HistogramCell> cells(const Numbers& numbers, bool floats) {
    bool fits =
        numbers.itemsize() == 8 && floats == (numbers.dtype() == nb::dtype<double>()) &&
        (floats || numbers.dtype() == nb::dtype<int64_t>() || numbers.dtype() == nb::dtype<uint64_t>());
    if (!fits) throw nb::type_error("counts must all be float64, or all be int64 or uint64");
    std::vector<HistogramCell> out(numbers.size());
    if (!out.empty()) std::memcpy(out.data(), numbers.data(), 8 * out.size());
    return out;
}

using Doubles = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void add_run(HistogramBatch& batch, bool floats, int32_t schema, double zero_threshold,
             const std::vector<std::pair<int32_t, uint32_t>>& positive_spans,
             const std::vector<std::pair<int32_t, uint32_t>>& negative_spans,
             const std::vector<double>& bounds, const Numbers& counts, const Numbers& zero_counts,
             const Doubles& sums, const Bytes& hints, const Numbers& buckets,
             std::optional<size_t> positive) {
    HistogramLayout layout{schema, zero_threshold, spans(positive_spans), spans(negative_spans), bounds};
    size_t n = sums.shape(0);
    if (counts.size() != n || zero_counts.size() != n || hints.shape(0) != n || buckets.ndim() != 2 ||
        buckets.shape(0) != n) {
        throw nb::value_error("columns differ in length");
    }
    std::vector<ResetHint> known;
    for (size_t k = 0; k < n; ++k) {
        if (hints.data()[k] > 3) throw nb::value_error("a reset hint is 0, 1, 2 or 3");
        known.push_back(static_cast<ResetHint>(hints.data()[k]));
    }
    size_t width = buckets.shape(1);
    size_t split = std::min(positive.value_or(layout.positive_buckets()), width);
    auto count_cells = cells(counts, floats), zero_cells = cells(zero_counts, floats);
    auto bucket_cells = cells(buckets, floats);
    batch.add({layout,
               floats,
               split,
               width - split,
               count_cells,
               zero_cells,
               {sums.data(), n},
               known,
               bucket_cells});
}

}  // namespace

void bind_histogram_batch(nb::module_& m) {
    nb::class_<HistogramBatch>(m, "HistogramBatch")
        .def(nb::init<>())
        .def("__len__", &HistogramBatch::size)
        .def(
            "pick",
            [](const HistogramBatch& batch,
               nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu> rows) {
                return batch.pick({rows.data(), rows.shape(0)});
            },
            nb::arg("rows"))
        .def("runs", [](const HistogramBatch& batch) { return histogram_runs(batch.columns()); })
        .def(
            "add_value",
            [](HistogramBatch& batch, const FloatHistogram& value) { add_sample(batch, value, true); },
            nb::arg("value"))
        .def("add", &add_run, nb::kw_only(), nb::arg("floats"), nb::arg("schema"),
             nb::arg("zero_threshold") = 0.0, nb::arg("positive_spans"),
             nb::arg("negative_spans") = std::vector<std::pair<int32_t, uint32_t>>(),
             nb::arg("bounds") = std::vector<double>(), nb::arg("counts"), nb::arg("zero_counts"),
             nb::arg("sums"), nb::arg("hints"), nb::arg("buckets"), nb::arg("positive") = nb::none());
}

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
