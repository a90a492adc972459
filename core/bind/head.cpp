#include "head/head.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>
#include <tuple>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/match_terms.h"
#include "bind/module.h"
#include "bind/text.h"
#include "bind/transaction.h"
#include "bind/zstd.h"
#include "head/deletion.h"
#include "head/replay.h"
#include "head/snapshot.h"
#include "head/stale_series.h"
#include "head/transaction.h"

using namespace narthex;

namespace {

nb::list counts(const std::vector<HeadCount>& from) {
    nb::list out;
    for (const HeadCount& c : from) out.append(nb::make_tuple(text(c.name), text(c.value), c.count));
    return out;
}

HeadView to_view(std::pair<uint64_t, uint32_t> v) {
    return {v.first, v.second};
}

// (upper bound in seconds or None, count)
nb::list delays(const HeadStats& s) {
    nb::list out;
    for (size_t i = 0; i < s.delays.size(); ++i) {
        nb::object bound = i < kDelays.size() ? nb::cast(kDelays[i]) : nb::object(nb::none());
        out.append(nb::make_tuple(bound, s.delays[i]));
    }
    return out;
}

void bind_transaction(nb::module_& m) {
    nb::class_<HeadTransaction> transaction(m, "HeadTransaction");
    bind_transaction_methods(transaction);
    transaction.def(
        "encode_out_of_order",
        [](HeadTransaction& tx, size_t position, std::string_view compression, nb::object zstd) {
            std::vector<uint8_t> out;
            WalCompression how = wal_compression(compression, zstd);
            {
                nb::gil_scoped_release release;
                out = tx.encode_out_of_order(position, std::move(how));
            }
            return to_bytes(out);
        },
        nb::arg("position"), nb::arg("compression") = "snappy", nb::arg("zstd") = nb::none());
    transaction.def(
        "append_metadata",
        [](HeadTransaction& tx, const AppendColumn<uint64_t>& refs,
           const std::vector<std::tuple<uint8_t, std::string, std::string>>& metadata) {
            std::vector<SeriesMetadata> rows;
            for (const auto& [type, unit, help] : metadata) rows.push_back({type, unit, help});
            std::vector<uint8_t> statuses(refs.shape(0));
            tx.append_metadata(column_view(refs), rows, statuses);
            return to_numpy(std::move(statuses));
        },
        nb::arg("refs"), nb::arg("metadata"));
    transaction.def_prop_ro("pending", &HeadTransaction::pending);
}

// The page's bytes, held for as long as Python wants to write them.
nb::object page_bytes(const ClosedChunks::UnwrittenPage& page) {
    auto* held = new std::shared_ptr<const void>(page.owner);
    nb::capsule owner(held, [](void* p) noexcept { delete static_cast<std::shared_ptr<const void>*>(p); });
    return nb::cast(
        nb::ndarray<nb::numpy, const uint8_t, nb::ndim<1>>(page.bytes.data(), {page.bytes.size()}, owner));
}

nb::list unwritten_chunks(Head& head) {
    std::vector<ClosedChunks::UnwrittenPage> pages;
    {
        nb::gil_scoped_release release;
        pages = head.unwritten_chunks();
    }
    nb::list out;
    for (const auto& page : pages) out.append(nb::make_tuple(page.page, page_bytes(page)));
    return out;
}

void bind_chunk_files(nb::class_<Head>& head) {
    head.def("unwritten_chunks", &unwritten_chunks)
        .def("chunks_written", &Head::chunks_written, nb::arg("page"), nb::arg("file"), nb::arg("position"),
             nb::call_guard<nb::gil_scoped_release>())
        .def(
            "map_chunks",
            [](Head& h, uint32_t file, nb::object content) {
                auto held = std::make_shared<PyBufferView>(content);
                auto bytes = held->bytes();
                nb::gil_scoped_release release;
                return h.map_chunks(file, std::move(held), bytes);
            },
            nb::arg("file"), nb::arg("content"))
        .def("oldest_chunk_file", &Head::oldest_chunk_file, nb::arg("none"),
             nb::call_guard<nb::gil_scoped_release>());
}

void bind_snapshot(nb::module_& m) {
    nb::class_<HeadSnapshot>(m, "HeadSnapshot")
        .def(
            "__init__",
            [](HeadSnapshot* self, std::shared_ptr<Head> head) { new (self) HeadSnapshot(std::move(head)); },
            nb::arg("head"))
        .def("step", &HeadSnapshot::step, nb::call_guard<nb::gil_scoped_release>())
        .def("fill_page", &HeadSnapshot::fill_page)
        .def("take", [](HeadSnapshot& s) { return to_bytes(s.take()); })
        .def_prop_ro("series", &HeadSnapshot::series);
}

void bind_deletion(nb::module_& m) {
    nb::class_<HeadDeletion>(m, "HeadDeletion")
        .def(nb::init<std::shared_ptr<Head>>(), nb::arg("head"))
        .def(
            "plan",
            [](HeadDeletion& d, std::pair<uint64_t, uint32_t> view, const PyMatchTerms& terms, int64_t mint,
               int64_t maxt) {
                auto plan = to_match_terms(terms);
                nb::gil_scoped_release release;
                return d.plan(to_view(view), plan, mint, maxt);
            },
            nb::arg("view"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"))
        .def_prop_ro("series", &HeadDeletion::series)
        .def(
            "encode",
            [](const HeadDeletion& d, size_t position, std::string_view compression, nb::object zstd) {
                return to_bytes(d.encode(position, wal_compression(compression, zstd)));
            },
            nb::arg("position"), nb::arg("compression") = "snappy", nb::arg("zstd") = nb::none())
        .def("apply", &HeadDeletion::apply, nb::call_guard<nb::gil_scoped_release>());
}

void bind_stale_series(nb::module_& m) {
    nb::class_<StaleSeries>(m, "StaleSeries")
        .def(nb::init<std::shared_ptr<Head>>(), nb::arg("head"), nb::call_guard<nb::gil_scoped_release>())
        .def("__len__", &StaleSeries::size)
        .def("drop",
             [](StaleSeries& s) {
                 std::vector<uint64_t> refs;
                 {
                     nb::gil_scoped_release release;
                     refs = s.drop();
                 }
                 return to_numpy(std::move(refs));
             })
        .def(
            "encode",
            [](const StaleSeries& s, size_t position, std::string_view compression, nb::object zstd) {
                return to_bytes(s.encode(position, wal_compression(compression, zstd)));
            },
            nb::arg("position"), nb::arg("compression") = "snappy", nb::arg("zstd") = nb::none())
        .def("finish", &StaleSeries::finish, nb::call_guard<nb::gil_scoped_release>());
}

void bind_replay(nb::module_& m) {
    nb::class_<HeadChunkCounts>(m, "HeadChunkCounts")
        .def_ro("chunks", &HeadChunkCounts::chunks)
        .def_ro("out_of_order", &HeadChunkCounts::out_of_order)
        .def_ro("old", &HeadChunkCounts::old)
        .def_ro("overlapping", &HeadChunkCounts::overlapping)
        .def_ro("unusable", &HeadChunkCounts::unusable)
        .def_ro("good_end", &HeadChunkCounts::good_end)
        .def_ro("fault", &HeadChunkCounts::fault);
    nb::class_<ReplayCounts>(m, "ReplayCounts")
        .def_ro("records", &ReplayCounts::records)
        .def_ro("series", &ReplayCounts::series)
        .def_ro("samples", &ReplayCounts::samples)
        .def_ro("old_samples", &ReplayCounts::old_samples)
        .def_ro("unknown_refs", &ReplayCounts::unknown_refs)
        .def_ro("invalid_series", &ReplayCounts::invalid_series)
        .def_ro("tombstones", &ReplayCounts::tombstones)
        .def_ro("markers", &ReplayCounts::markers)
        .def_ro("skipped_records", &ReplayCounts::skipped_records)
        .def_ro("histograms", &ReplayCounts::histograms)
        .def_ro("exemplars", &ReplayCounts::exemplars)
        .def_ro("invalid_histograms", &ReplayCounts::invalid_histograms)
        .def_ro("unknown_records", &ReplayCounts::unknown_records)
        .def_ro("faults", &ReplayCounts::faults)
        .def_ro("good_end", &ReplayCounts::good_end)
        .def_ro("fault", &ReplayCounts::fault);
    nb::enum_<LogKind>(m, "LogKind").value("ALL", LogKind::kAll).value("OUT_OF_ORDER", LogKind::kOutOfOrder);
    nb::class_<HeadReplay> replay(m, "HeadReplay");
    replay.def(nb::init<std::shared_ptr<Head>, LogKind>(), nb::arg("head"), nb::arg("kind") = LogKind::kAll)
        .def(
            "chunk_file",
            [](HeadReplay& r, uint32_t number, nb::object content) {
                auto held = std::make_shared<PyBufferView>(content);
                auto bytes = held->bytes();
                nb::gil_scoped_release release;
                return r.chunk_file(number, std::move(held), bytes);
            },
            nb::arg("number"), nb::arg("content"))
        .def(
            "snapshot",
            [](HeadReplay& r, nb::object segment, nb::object zstd) {
                PyBufferView bytes(segment);
                ZstdDecoder decoder = zstd_decoder(zstd);
                nb::gil_scoped_release release;
                return r.snapshot(bytes.bytes(), decoder);
            },
            nb::arg("segment"), nb::arg("zstd").none() = nb::none())
        .def("finish", &HeadReplay::finish, nb::call_guard<nb::gil_scoped_release>());
    bind_segment_methods(replay);
}

void bind_stats(nb::module_& m) {
    nb::class_<ExemplarStats>(m, "ExemplarCounts")
        .def_ro("appended", &ExemplarStats::appended)
        .def_ro("out_of_order", &ExemplarStats::out_of_order)
        .def_ro("stored", &ExemplarStats::stored)
        .def_ro("series", &ExemplarStats::series)
        .def_ro("capacity", &ExemplarStats::capacity)
        .def_ro("oldest", &ExemplarStats::oldest);
    nb::class_<HeadStats>(m, "HeadCounts")
        .def_ro("series", &HeadStats::series)
        .def_ro("chunks", &HeadStats::chunks)
        .def_ro("label_pairs", &HeadStats::label_pairs)
        .def_ro("symbol_bytes", &HeadStats::symbol_bytes)
        .def_ro("chunk_bytes", &HeadStats::chunk_bytes)
        .def_ro("min_time", &HeadStats::min_time)
        .def_ro("max_time", &HeadStats::max_time)
        .def_ro("out_of_order_min_time", &HeadStats::out_of_order_min_time)
        .def_ro("out_of_order_max_time", &HeadStats::out_of_order_max_time)
        .def_ro("min_valid_time", &HeadStats::min_valid_time)
        .def_ro("created", &HeadStats::created)
        .def_ro("removed", &HeadStats::removed)
        .def_ro("out_of_order", &HeadStats::out_of_order)
        .def_ro("out_of_bounds", &HeadStats::out_of_bounds)
        .def_ro("histograms_out_of_order", &HeadStats::histograms_out_of_order)
        .def_ro("histograms_out_of_bounds", &HeadStats::histograms_out_of_bounds)
        .def_ro("too_old", &HeadStats::too_old)
        .def_ro("histograms_too_old", &HeadStats::histograms_too_old)
        .def_ro("appended", &HeadStats::appended)
        .def_ro("histograms_appended", &HeadStats::histograms_appended)
        .def_ro("transactions", &HeadStats::transactions)
        .def_ro("open_transactions", &HeadStats::open_transactions)
        .def_ro("out_of_order_appended", &HeadStats::out_of_order_appended)
        .def_ro("histograms_out_of_order_appended", &HeadStats::histograms_out_of_order_appended)
        .def_prop_ro("delays", &delays)
        .def_ro("delay_sum", &HeadStats::delay_sum)
        .def_ro("stale_series", &HeadStats::stale_series)
        .def_ro("histogram_series", &HeadStats::histogram_series)
        .def_ro("histogram_buckets", &HeadStats::histogram_buckets)
        .def_ro("chunks_created", &HeadStats::chunks_created)
        .def_ro("chunks_removed", &HeadStats::chunks_removed);
}

// (series labels, for each series where its exemplars end, times, values, labels)
nb::tuple exemplars(const Head& head, int64_t mint, int64_t maxt) {
    LabelSets series, labels;
    std::vector<uint64_t> ends;
    std::vector<int64_t> times;
    std::vector<double> values;
    {
        nb::gil_scoped_release release;
        std::string last;
        head.exemplars(mint, maxt, [&](std::string_view of, int64_t t, double value, std::string_view text) {
            if (ends.empty() || of != last) {
                last = of;
                series.add_row(unpack_labels(of));
                ends.push_back(times.size());
            }
            times.push_back(t);
            values.push_back(value);
            labels.add_row(unpack_labels(text));
            ends.back() = times.size();
        });
    }
    return nb::make_tuple(nb::cast(std::move(series)), to_numpy(std::move(ends)), to_numpy(std::move(times)),
                          to_numpy(std::move(values)), nb::cast(std::move(labels)));
}

nb::tuple cardinality(const Head& head, std::string_view name, size_t limit) {
    Head::Cardinality c;
    {
        nb::gil_scoped_release release;
        c = head.cardinality(name, limit);
    }
    return nb::make_tuple(counts(c.series_by_value), counts(c.values_by_label), counts(c.bytes_by_label),
                          counts(c.series_by_pair));
}

// None when the view is out of date, otherwise what `call` filled.
template <typename Result, typename Call>
nb::object selection(const PyMatchTerms& terms, Call&& call) {
    auto plan = to_match_terms(terms);
    Result out;
    bool valid;
    {
        nb::gil_scoped_release release;
        valid = call(plan, out);
    }
    return valid ? nb::cast(std::move(out)) : nb::none();
}

}  // namespace

void bind_head(nb::module_& m) {
    using View = std::pair<uint64_t, uint32_t>;
    bind_transaction(m);
    bind_stats(m);
    nb::enum_<HeadPart>(m, "HeadPart")
        .value("ALL", HeadPart::kAll)
        .value("IN_ORDER", HeadPart::kInOrder)
        .value("COMPACTING", HeadPart::kCompacting)
        .value("STALE", HeadPart::kStale);
    nb::class_<Head> head(m, "Head");
    bind_chunk_files(head);
    head.def(
            "__init__", [](Head* self, int64_t range, uint32_t cap) { new (self) Head(range, cap); },
            nb::arg("chunk_range"), nb::arg("out_of_order_cap") = kOutOfOrderCap)
        .def(
            "series", [](Head& h, const std::vector<TextPair>& pairs) { return h.series(std::span(pairs)); },
            nb::arg("pairs"))
        .def(
            "series_many",
            [](Head& h, const LabelSets& sets) {
                std::vector<uint64_t> refs;
                {
                    nb::gil_scoped_release release;
                    refs = h.series(sets);
                }
                return to_numpy(std::move(refs));
            },
            nb::arg("label_sets"))
        .def("transaction", [](std::shared_ptr<Head> h) { return HeadTransaction(std::move(h)); })
        .def("view",
             [](const Head& h) {
                 auto v = h.view();
                 return View{v.generation, v.series};
             })
        .def(
            "value_texts",
            [](const Head& h, std::string_view name, std::string_view prefix, size_t since) {
                nb::gil_scoped_release release;
                return h.value_texts(name, prefix, since);
            },
            nb::arg("name"), nb::arg("prefix") = "", nb::arg("since") = 0)
        .def(
            "label_values",
            [](const Head& h, std::string_view name, size_t limit) {
                nb::gil_scoped_release release;
                return h.label_values(name, limit);
            },
            nb::arg("name"), nb::arg("limit") = 0)
        .def("label_names", &Head::label_names, nb::arg("limit") = 0)
        .def(
            "select",
            [](const Head& h, View v, const PyMatchTerms& terms, int64_t mint, int64_t maxt, HeadPart part) {
                return selection<SeriesBatch>(terms, [&](const auto& plan, SeriesBatch& out) {
                    return h.select(to_view(v), plan, mint, maxt, out, part);
                });
            },
            nb::arg("view"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"),
            nb::arg("part") = HeadPart::kAll)
        .def(
            "select_labels",
            [](const Head& h, View v, const PyMatchTerms& terms, int64_t mint, int64_t maxt, size_t limit) {
                return selection<LabelSets>(terms, [&](const auto& plan, LabelSets& out) {
                    return h.select_labels(to_view(v), plan, mint, maxt, limit, out);
                });
            },
            nb::arg("view"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"), nb::arg("limit") = 0)
        .def(
            "matching_label_names",
            [](const Head& h, View v, const PyMatchTerms& terms, int64_t mint, int64_t maxt, size_t limit) {
                return selection<TextList>(terms, [&](const auto& plan, TextList& out) {
                    return h.matching_names(to_view(v), plan, mint, maxt, limit, out);
                });
            },
            nb::arg("view"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"), nb::arg("limit") = 0)
        .def(
            "matching_label_values",
            [](const Head& h, View v, std::string_view name, const PyMatchTerms& terms, int64_t mint,
               int64_t maxt, size_t limit) {
                return selection<TextList>(terms, [&](const auto& plan, TextList& out) {
                    return h.matching_values(to_view(v), name, plan, mint, maxt, limit, out);
                });
            },
            nb::arg("view"), nb::arg("name"), nb::arg("terms"), nb::arg("mint"), nb::arg("maxt"),
            nb::arg("limit") = 0)
        .def("counts", &Head::stats)
        .def("cardinality", &cardinality, nb::arg("name"), nb::arg("limit"))
        .def(
            "set_encoding",
            [](Head& h, bool xor2, bool histogram_starts, bool store_starts, bool start_zeros) {
                h.set_encoding({xor2, histogram_starts, store_starts, start_zeros});
            },
            nb::kw_only(), nb::arg("xor2"), nb::arg("histogram_starts"), nb::arg("store_starts"),
            nb::arg("start_zeros") = false, nb::call_guard<nb::gil_scoped_release>())
        .def("set_max_exemplars", &Head::set_max_exemplars, nb::arg("count"),
             nb::call_guard<nb::gil_scoped_release>())
        .def("exemplars", &exemplars, nb::arg("mint"), nb::arg("maxt"))
        .def(
            "metadata",
            [](const Head& h, uint64_t ref) -> std::optional<std::tuple<uint8_t, std::string, std::string>> {
                auto m = h.metadata(ref);
                if (!m) return std::nullopt;
                return std::tuple(m->type, m->unit, m->help);
            },
            nb::arg("ref"))
        .def("exemplar_counts", &Head::exemplar_stats)
        .def("set_min_valid_time", &Head::set_min_valid_time, nb::arg("mint"))
        .def("set_out_of_order_window", &Head::set_out_of_order_window, nb::arg("window"))
        .def("begin_out_of_order_compaction", &Head::begin_out_of_order_compaction,
             nb::call_guard<nb::gil_scoped_release>())
        .def("end_out_of_order_compaction", &Head::end_out_of_order_compaction,
             nb::call_guard<nb::gil_scoped_release>())
        .def(
            "truncate",
            [](Head& h, int64_t mint) {
                std::vector<uint64_t> refs;
                {
                    nb::gil_scoped_release release;
                    refs = h.truncate(mint);
                }
                return to_numpy(std::move(refs));
            },
            nb::arg("mint"))
        .def("end_epoch", &Head::end_epoch)
        .def("refs", [](const Head& h) { return to_numpy(h.refs()); });
    bind_deletion(m);
    bind_stale_series(m);
    bind_replay(m);
    bind_snapshot(m);
}
