#include <nanobind/nanobind.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/scrape_cache.h"
#include "text/scrape_cache.h"

using narthex::ScanCounts;
using narthex::ScrapeCache;

namespace {

using Ids = nb::ndarray<const uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using RefColumn = nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// Makes Python strings, each distinct text once: label names and many values repeat from line to line.
class Strings {
  public:
    nb::object operator()(const std::string& text) {
        auto [at, added] = made_.try_emplace(text);
        if (added)
            at->second =
                nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
        return at->second;
    }

  private:
    std::unordered_map<std::string, nb::object> made_;
};

nb::list labels(GuardedCache& guarded, Ids ids) {
    std::vector<narthex::LabelStrings> sets = guarded.with([&](ScrapeCache& cache) {
        std::vector<narthex::LabelStrings> out;
        out.reserve(ids.shape(0));
        for (size_t i = 0; i < ids.shape(0); ++i) out.push_back(cache.labels(ids.data()[i]));
        return out;
    });
    Strings strings;
    nb::list out;
    for (const narthex::LabelStrings& set : sets) {
        nb::dict row;
        for (const auto& [name, value] : set) row[strings(name)] = strings(value);
        out.append(row);
    }
    return out;
}

nb::list metadata(GuardedCache& guarded) {
    auto families = guarded.with([](ScrapeCache& cache) { return cache.metadata(); });
    Strings strings;
    nb::list out;
    for (const narthex::FamilyMetadata& f : families) {
        out.append(nb::make_tuple(strings(f.family), strings(std::string(metric_type_name(f.type))),
                                  strings(f.help), strings(f.unit)));
    }
    return out;
}

narthex::TextFormat text_format(bool openmetrics) {
    return openmetrics ? narthex::TextFormat::kOpenMetrics : narthex::TextFormat::kText;
}

std::string_view text_of(const PyBufferView& body) {
    return {reinterpret_cast<const char*>(body.bytes().data()), body.bytes().size()};
}

ScanCounts scan(GuardedCache& guarded, nb::object body, int64_t default_timestamp, bool openmetrics,
                bool honor_timestamps, bool track_explicit, bool timestamps_required, bool first_piece,
                bool last_piece) {
    narthex::ScanOptions options;
    options.format = text_format(openmetrics);
    options.default_timestamp = default_timestamp;
    options.honor_timestamps = honor_timestamps;
    options.track_explicit = track_explicit;
    options.timestamps_required = timestamps_required;
    options.first_piece = first_piece;
    options.last_piece = last_piece;
    PyBufferView view(body);
    return guarded.with([&](ScrapeCache& cache) { return cache.scan(text_of(view), options); });
}

// How the bodies of one target are read; made once.
using Reading = narthex::ScanOptions;

void make_reading(Reading* self, bool honor_timestamps, bool track_explicit, bool exemplars, bool starts,
                  bool type_and_unit, bool native_histograms, bool classic_histograms,
                  bool convert_histograms, int32_t max_schema, uint64_t bucket_limit) {
    new (self) Reading();
    self->honor_timestamps = honor_timestamps;
    self->track_explicit = track_explicit;
    self->exemplars = exemplars;
    self->starts = starts;
    self->type_and_unit = type_and_unit;
    self->histograms = {native_histograms, classic_histograms, convert_histograms, max_schema, bucket_limit};
}

ScanCounts scan_text(GuardedCache& guarded, nb::object body, int64_t default_timestamp, Reading options,
                     bool openmetrics) {
    options.format = text_format(openmetrics);
    options.default_timestamp = default_timestamp;
    PyBufferView view(body);
    return guarded.with([&](ScrapeCache& cache) { return cache.scan(text_of(view), options); });
}

ScanCounts scan_protobuf(GuardedCache& guarded, nb::object body, int64_t default_timestamp, Reading options) {
    options.default_timestamp = default_timestamp;
    PyBufferView view(body);
    return guarded.with([&](ScrapeCache& cache) { return cache.scan_protobuf(view.bytes(), options); });
}

nb::tuple histograms(GuardedCache& guarded) {
    auto columns = guarded.with([](ScrapeCache& cache) { return cache.histograms(); });
    return nb::make_tuple(to_numpy(std::move(columns.refs)), to_numpy(std::move(columns.timestamps)),
                          std::move(columns.values), columns.kept, columns.over_limit);
}

nb::tuple starts(GuardedCache& guarded) {
    auto columns = guarded.with([](ScrapeCache& cache) { return cache.starts(); });
    auto column = [](std::vector<int64_t>&& v) -> nb::object {
        return v.empty() ? nb::none() : nb::cast(to_numpy(std::move(v)));
    };
    return nb::make_tuple(column(std::move(columns.samples)), column(std::move(columns.histograms)));
}

nb::tuple exemplars(GuardedCache& guarded) {
    auto columns = guarded.with([](ScrapeCache& cache) { return cache.exemplars(); });
    return nb::make_tuple(to_numpy(std::move(columns.refs)), to_numpy(std::move(columns.timestamps)),
                          to_numpy(std::move(columns.values)), std::move(columns.labels));
}

nb::tuple samples(GuardedCache& guarded) {
    auto columns = guarded.with([](ScrapeCache& cache) { return cache.samples(); });
    return nb::make_tuple(to_numpy(std::move(columns.refs)), to_numpy(std::move(columns.timestamps)),
                          to_numpy(std::move(columns.values)), columns.kept, columns.duplicates);
}

}  // namespace

void bind_text(nb::module_& m) {
    m.attr("REF_DROPPED") = narthex::kRefDropped;
    m.attr("REF_UNSTORED") = narthex::kRefUnstored;
    nb::class_<ScanCounts>(m, "ScanCounts")
        .def_ro("samples", &ScanCounts::samples)
        .def_ro("histograms", &ScanCounts::histograms)
        .def_ro("explicit_timestamps", &ScanCounts::explicit_timestamps)
        .def_ro("exemplars", &ScanCounts::exemplars)
        .def_ro("unknown", &ScanCounts::unknown)
        .def_ro("new_metadata", &ScanCounts::new_metadata)
        .def_ro("starts", &ScanCounts::starts);
    nb::class_<Reading>(m, "Reading")
        .def("__init__", &make_reading, nb::kw_only(), nb::arg("honor_timestamps") = true,
             nb::arg("track_explicit") = false, nb::arg("exemplars") = false, nb::arg("starts") = false,
             nb::arg("type_and_unit") = false, nb::arg("native_histograms") = false,
             nb::arg("classic_histograms") = false, nb::arg("convert_histograms") = false,
             nb::arg("max_schema") = narthex::kMaxSchema, nb::arg("bucket_limit") = uint64_t{0});
    nb::class_<GuardedCache>(m, "ScrapeCache")
        .def(nb::init<>())
        .def("scan", &scan, nb::arg("body"), nb::arg("default_timestamp"), nb::arg("openmetrics") = false,
             nb::arg("honor_timestamps") = true, nb::arg("track_explicit") = false,
             nb::arg("timestamps_required") = false, nb::arg("first_piece") = true,
             nb::arg("last_piece") = true)
        .def("scan_text", &scan_text, nb::arg("body"), nb::arg("default_timestamp"), nb::arg("reading"),
             nb::arg("openmetrics"))
        .def("scan_protobuf", &scan_protobuf, nb::arg("body"), nb::arg("default_timestamp"),
             nb::arg("reading"))
        .def("histograms", &histograms)
        .def("starts", &starts)
        .def("exemplars", &exemplars)
        .def(
            "unknown",
            [](GuardedCache& g, bool with_unstored) {
                return to_numpy(g.with([&](ScrapeCache& c) { return c.unknown(with_unstored); }));
            },
            nb::arg("with_unstored") = true)
        .def("known_kept",
             [](GuardedCache& g) { return g.with([](ScrapeCache& c) { return c.known_kept(); }); })
        .def("labels", &labels, nb::arg("ids"))
        .def(
            "label_sets",
            [](GuardedCache& g, Ids ids) {
                return g.with([&](ScrapeCache& c) { return c.label_sets({ids.data(), ids.shape(0)}); });
            },
            nb::arg("ids"))
        .def(
            "find_refs",
            [](GuardedCache& g, RefColumn refs) {
                std::vector<uint64_t> sorted(refs.data(), refs.data() + refs.shape(0));
                return to_numpy(g.with([&](ScrapeCache& c) {
                    std::sort(sorted.begin(), sorted.end());
                    return c.find_refs(sorted);
                }));
            },
            nb::arg("refs"))
        .def(
            "refs",
            [](GuardedCache& g, Ids ids) {
                return to_numpy(g.with([&](ScrapeCache& c) { return c.refs({ids.data(), ids.shape(0)}); }));
            },
            nb::arg("ids"))
        .def(
            "assign",
            [](GuardedCache& g, Ids ids, RefColumn refs) {
                g.with([&](ScrapeCache& c) {
                    c.assign({ids.data(), ids.shape(0)}, {refs.data(), refs.shape(0)});
                });
            },
            nb::arg("ids"), nb::arg("refs"))
        .def("samples", &samples)
        .def("vanished",
             [](GuardedCache& g) { return to_numpy(g.with([](ScrapeCache& c) { return c.vanished(); })); })
        .def("keep", [](GuardedCache& g) { g.with([](ScrapeCache& c) { c.keep(); }); })
        .def("commit", [](GuardedCache& g) { g.with([](ScrapeCache& c) { c.commit(); }); })
        .def("fail",
             [](GuardedCache& g) { return to_numpy(g.with([](ScrapeCache& c) { return c.fail(); })); })
        .def("metadata", &metadata)
        .def("metadata_size",
             [](GuardedCache& g) {
                 auto size = g.with([](ScrapeCache& c) { return c.metadata_size(); });
                 return nb::make_tuple(size.families, size.bytes);
             })
        .def("series", [](GuardedCache& g) { return g.with([](ScrapeCache& c) { return c.series(); }); })
        .def("memory_bytes",
             [](GuardedCache& g) { return g.with([](ScrapeCache& c) { return c.memory_bytes(); }); });
}
