#include "block/analysis.h"

#include <nanobind/nanobind.h>

#include "bind/arrays.h"
#include "bind/match_terms.h"
#include "bind/module.h"
#include "bind/text.h"

using namespace narthex;

namespace {

nb::list ranked(const std::vector<RankedLabel>& labels) {
    nb::list out;
    for (const RankedLabel& l : labels) out.append(nb::make_tuple(text(l.name), text(l.value), l.count));
    return out;
}

nb::dict labels(const Block& block, const PyMatchTerms& terms, int64_t mint, int64_t maxt, size_t limit) {
    LabelAnalysis found;
    {
        nb::gil_scoped_release release;
        found = analyze_labels(block.index, to_match_terms(terms), mint, maxt, limit);
    }
    nb::dict out;
    out["series"] = found.series;
    out["names"] = found.names;
    out["pairs"] = found.pairs;
    out["entries"] = found.entries;
    out["churning_pairs"] = ranked(found.churning_pairs);
    out["churning_names"] = ranked(found.churning_names);
    out["common_pairs"] = ranked(found.common_pairs);
    out["longest_names"] = ranked(found.longest_names);
    out["richest_names"] = ranked(found.richest_names);
    out["largest_metrics"] = ranked(found.largest_metrics);
    return out;
}

nb::dict chunks(const Block& block, const PyMatchTerms& terms) {
    ChunkAnalysis found;
    {
        nb::gil_scoped_release release;
        found = analyze_chunks(block, to_match_terms(terms));
    }
    nb::dict out;
    out["chunks"] = found.float_samples.size() + found.histogram_samples.size();
    out["float_samples"] = to_numpy(std::move(found.float_samples));
    out["float_bytes"] = to_numpy(std::move(found.float_bytes));
    out["histogram_samples"] = to_numpy(std::move(found.histogram_samples));
    out["histogram_bytes"] = to_numpy(std::move(found.histogram_bytes));
    out["histogram_buckets"] = to_numpy(std::move(found.histogram_buckets));
    return out;
}

}  // namespace

void bind_analysis(nb::module_& m) {
    m.def("analyze_labels", &labels, nb::arg("block"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"),
          nb::arg("limit"));
    m.def("analyze_chunks", &chunks, nb::arg("block"), nb::arg("terms"));
}
