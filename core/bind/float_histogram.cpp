#include "histogram/float_histogram.h"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "bind/histograms.h"
#include "histogram/accumulate.h"
#include "histogram/bucket_walk.h"
#include "histogram/combine.h"
#include "histogram/estimate.h"
#include "histogram/reset.h"
#include "histogram/text.h"
#include "histogram/trim.h"

using namespace narthex;

namespace {

using IndexedCounts = std::vector<std::pair<int64_t, double>>;

Buckets buckets(const IndexedCounts& from) {
    Buckets out;
    int64_t next = std::numeric_limits<int32_t>::min();
    for (auto [index, count] : from) {
        if (index < next || index >= std::numeric_limits<int32_t>::max())
            throw nb::value_error("bucket indices must ascend and fit 32 bits");
        out.push(static_cast<int32_t>(index), count);
        next = index + 1;
    }
    return out;
}

IndexedCounts indexed(const BucketsView& side) {
    IndexedCounts out;
    size_t at = 0;
    for (BucketRun run : side.runs) {
        for (int64_t index = run.first; index < run.end(); ++index)
            out.emplace_back(index, side.counts[at++]);
    }
    return out;
}

FloatHistogram make(int32_t schema, double zero_threshold, double zero_count, double count, double sum,
                    unsigned hint, const IndexedCounts& positive, const IndexedCounts& negative,
                    const std::vector<double>& bounds) {
    bool custom = schema == kCustomBuckets;
    if (!custom && (schema < kMinSchema || schema > kMaxSchema)) throw nb::value_error("unknown schema");
    if (hint > 3) throw nb::value_error("a reset hint is 0, 1, 2 or 3");
    if (custom ? zero_threshold != 0 || zero_count != 0 || !negative.empty() : !bounds.empty())
        throw nb::value_error(
            "bounds go with custom buckets, zero and negative buckets with exponential ones");
    if (std::ranges::adjacent_find(bounds, [](double a, double b) { return !(a < b); }) != bounds.end())
        throw nb::value_error("bounds must ascend");
    if (custom && !positive.empty() &&
        (positive.front().first < 0 || positive.back().first > static_cast<int64_t>(bounds.size())))
        throw nb::value_error("a custom bucket beyond the last bound");
    FloatHistogram out;
    out.schema = schema;
    out.hint = static_cast<ResetHint>(hint);
    out.zero_threshold = zero_threshold;
    out.zero_count = zero_count;
    out.count = count;
    out.sum = sum;
    out.positive = buckets(positive);
    out.negative = buckets(negative);
    if (custom) out.bounds = std::make_shared<const std::vector<double>>(bounds);
    return out;
}

using Outcome = std::tuple<bool, bool, bool>;

Outcome outcome(Combined c) {
    return {c.incompatible, c.reset_collision, c.bounds_reconciled};
}

// (how the bounds belong to it as Prometheus' HTTP API numbers it, lower bound, upper bound, count)
std::vector<std::tuple<int, double, double, double>> ordered_buckets(const FloatHistogram& h) {
    std::vector<std::tuple<int, double, double, double>> out;
    FloatHistogramView view = h.view();
    BucketWalk walk(view);
    while (walk.next()) {
        HistogramBucket b = walk.bucket();
        if (b.count != 0) out.emplace_back(b.closed_ends(), b.lower, b.upper, b.count);
    }
    return out;
}

template <typename Accumulator>
std::pair<FloatHistogram, Outcome> accumulate(const std::vector<const FloatHistogram*>& values) {
    if (values.empty()) throw nb::value_error("nothing to accumulate");
    Accumulator all;
    Combined told;
    all.begin(values[0]->view());
    for (size_t k = 1; k < values.size() && !told.incompatible; ++k) told |= all.add(values[k]->view());
    return {all.finish(), outcome(told)};
}

std::pair<double, bool> estimated(Estimate e) {
    return {e.value, e.nan_observations};
}

}  // namespace

nb::dict plain_histogram(const FloatHistogramView& h) {
    nb::dict d;
    d["schema"] = h.schema;
    d["zero_threshold"] = h.zero_threshold;
    d["zero_count"] = h.zero_count;
    d["count"] = h.count;
    d["sum"] = h.sum;
    d["hint"] = static_cast<unsigned>(h.hint);
    d["positive"] = nb::cast(indexed(h.positive));
    d["negative"] = nb::cast(indexed(h.negative));
    auto bounds = h.bounds();
    d["bounds"] = nb::cast(std::vector<double>(bounds.begin(), bounds.end()));
    return d;
}

void bind_float_histogram(nb::module_& m) {
    nb::class_<FloatHistogram>(m, "FloatHistogram")
        .def(nb::new_(&make), nb::kw_only(), nb::arg("schema") = 0, nb::arg("zero_threshold") = 0.0,
             nb::arg("zero_count") = 0.0, nb::arg("count") = 0.0, nb::arg("sum") = 0.0, nb::arg("hint") = 0,
             nb::arg("positive") = IndexedCounts(), nb::arg("negative") = IndexedCounts(),
             nb::arg("bounds") = std::vector<double>())
        .def("plain", [](const FloatHistogram& h) { return plain_histogram(h.view()); })
        .def("__str__", [](const FloatHistogram& h) { return histogram_text(h.view()); })
        .def("copy", [](const FloatHistogram& h) { return FloatHistogram(h); })
        .def("equals",
             [](const FloatHistogram& a, const FloatHistogram& b) { return a.view().equals(b.view()); })
        .def_prop_ro("samples", [](const FloatHistogram& h) { return h.view().samples(); })
        .def("multiply", &FloatHistogram::multiply, nb::arg("factor"))
        .def("divide", &FloatHistogram::divide, nb::arg("divisor"))
        .def("compact", &FloatHistogram::compact)
        .def("add", [](FloatHistogram& h,
                       const FloatHistogram& other) { return outcome(add(h, FloatHistogram(other).view())); })
        .def("subtract",
             [](FloatHistogram& h, const FloatHistogram& other) {
                 return outcome(subtract(h, FloatHistogram(other).view()));
             })
        .def("reset_since",
             [](const FloatHistogram& h, const FloatHistogram& before) {
                 return counter_reset(before.view(), h.view());
             })
        .def("quantile", [](const FloatHistogram& h, double q) { return estimated(quantile(h.view(), q)); })
        .def("fraction", [](const FloatHistogram& h, double lower,
                            double upper) { return estimated(fraction(h.view(), lower, upper)); })
        .def("variance", [](const FloatHistogram& h) { return variance(h.view()); })
        .def("trim", &trim, nb::arg("value"), nb::arg("keep_below"))
        .def("buckets", &ordered_buckets)
        .def_static("sum", &accumulate<HistogramSum>)
        .def_static("mean", &accumulate<HistogramMean>);
}
