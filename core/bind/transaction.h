// What a transaction of the head and one of an agent look like from Python, and how both read their log.
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/scrape_cache.h"
#include "bind/zstd.h"
#include "chunk/histogram_batch.h"
#include "chunk/stale.h"
#include "labels/label_sets.h"
#include "text/scrape_cache.h"

template <typename T>
using AppendColumn = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::span<const T> column_view(const AppendColumn<T>& c) {
    return {c.data(), c.shape(0)};
}

// None where every sample was taken: most transactions then need no array.
inline nb::object to_statuses(std::vector<uint8_t> statuses) {
    bool taken = std::all_of(statuses.begin(), statuses.end(), [](uint8_t s) { return s == 0; });
    return taken ? nb::none() : nb::cast(to_numpy(std::move(statuses)));
}

// Doubles as their bits: a NaN must keep its payload.
inline std::span<const uint64_t> bits_of(std::span<const double> values) {
    return {reinterpret_cast<const uint64_t*>(values.data()), values.size()};
}

// Appends samples of one time.
template <typename Tx>
std::vector<uint8_t> append_row(Tx& tx, std::span<const uint64_t> refs, int64_t t,
                                std::span<const uint64_t> values) {
    std::vector<uint8_t> statuses(refs.size());
    std::vector<int64_t> times(refs.size(), t);
    tx.append(refs, times, values, {}, statuses);
    return statuses;
}

// Appends the floats of a scan and stale markers at `t` for what it lacks: (sample lines kept, duplicates
// left out, statuses of the floats).
template <typename Tx>
nb::tuple append_scan(Tx& tx, GuardedCache& guarded, int64_t t) {
    uint64_t kept = 0, duplicates = 0;
    std::vector<uint8_t> statuses = guarded.with([&](const narthex::ScrapeCache& cache) {
        narthex::SampleColumns samples = cache.samples();
        kept = samples.kept;
        duplicates = samples.duplicates;
        std::vector<uint8_t> out(samples.refs.size());
        tx.append(samples.refs, samples.timestamps, bits_of(samples.values), cache.starts().samples, out);
        std::vector<uint64_t> gone = cache.vanished();
        // A marker that is refused (newer samples, dropped series) is not missed.
        if (!gone.empty()) append_row(tx, gone, t, std::vector(gone.size(), narthex::kStaleNaNBits));
        return out;
    });
    return nb::make_tuple(kept, duplicates, to_statuses(std::move(statuses)));
}

// Tx has append, encode and apply as HeadTransaction has them.
template <typename Tx>
void bind_transaction_methods(nb::class_<Tx>& transaction) {
    using Starts = std::optional<AppendColumn<int64_t>>;
    auto append = [](Tx& tx, const AppendColumn<uint64_t>& refs, const AppendColumn<int64_t>& ts,
                     const auto& values, const Starts& starts) {
        std::vector<uint8_t> statuses(refs.shape(0));
        {
            nb::gil_scoped_release release;
            tx.append(column_view(refs), column_view(ts), values,
                      starts ? column_view(*starts) : std::span<const int64_t>(), statuses);
        }
        return to_numpy(std::move(statuses));
    };
    transaction
        .def(
            "append",
            [append](Tx& tx, const AppendColumn<uint64_t>& refs, const AppendColumn<int64_t>& ts,
                     const AppendColumn<double>& values, const Starts& starts) {
                return append(tx, refs, ts, bits_of(column_view(values)), starts);
            },
            nb::arg("refs"), nb::arg("timestamps"), nb::arg("values"),
            nb::arg("start_timestamps") = nb::none())
        .def(
            "append_histograms",
            [append](Tx& tx, const AppendColumn<uint64_t>& refs, const AppendColumn<int64_t>& ts,
                     const narthex::HistogramBatch& values,
                     const Starts& starts) { return append(tx, refs, ts, values, starts); },
            nb::arg("refs"), nb::arg("timestamps"), nb::arg("values"),
            nb::arg("start_timestamps") = nb::none())
        .def("append_scan", &append_scan<Tx>, nb::arg("cache"), nb::arg("timestamp"))
        .def(
            "append_row",
            [](Tx& tx, const std::vector<uint64_t>& refs, int64_t t, const std::vector<double>& values) {
                nb::gil_scoped_release release;
                auto statuses = append_row(tx, refs, t, bits_of(values));
                nb::gil_scoped_acquire acquire;
                return to_statuses(std::move(statuses));
            },
            nb::arg("refs"), nb::arg("timestamp"), nb::arg("values"))
        .def(
            "encode",
            [](Tx& tx, size_t position, std::string_view compression, nb::object zstd) {
                std::vector<uint8_t> out;
                narthex::WalCompression how = wal_compression(compression, zstd);
                {
                    nb::gil_scoped_release release;
                    out = tx.encode(position, std::move(how));
                }
                return to_bytes(out);
            },
            nb::arg("position"), nb::arg("compression") = "snappy", nb::arg("zstd") = nb::none())
        .def("apply", [](Tx& tx) {
            auto applied = [&tx] {
                nb::gil_scoped_release release;
                return tx.apply();
            }();
            return nb::make_tuple(applied.floats, applied.histograms);
        });
    transaction.def(
        "append_exemplars",
        [](Tx& tx, const AppendColumn<uint64_t>& refs, const AppendColumn<int64_t>& ts,
           const AppendColumn<double>& values, const narthex::LabelSets& labels) {
            std::vector<uint8_t> statuses(refs.shape(0));
            {
                nb::gil_scoped_release release;
                tx.append_exemplars(column_view(refs), column_view(ts), column_view(values), labels,
                                    statuses);
            }
            return to_numpy(std::move(statuses));
        },
        nb::arg("refs"), nb::arg("timestamps"), nb::arg("values"), nb::arg("labels"));
}

// Reader has segment(bytes, decoder, sound) as HeadReplay has it.
template <typename Reader>
void bind_segment_methods(nb::class_<Reader>& reader) {
    reader
        .def(
            "segment",
            [](Reader& r, nb::object segment, nb::object zstd) {
                PyBufferView bytes(segment);
                narthex::ZstdDecoder decoder = zstd_decoder(zstd);
                nb::gil_scoped_release release;
                return r.segment(bytes.bytes(), decoder);
            },
            nb::arg("segment"), nb::arg("zstd").none() = nb::none())
        .def(
            "salvage",
            [](Reader& r, nb::object segment, nb::object zstd) {
                PyBufferView bytes(segment);
                narthex::ZstdDecoder decoder = zstd_decoder(zstd);
                narthex::WalWriter sound(0);
                {
                    nb::gil_scoped_release release;
                    r.segment(bytes.bytes(), decoder, &sound);
                }
                return to_bytes(sound.bytes());
            },
            nb::arg("segment"), nb::arg("zstd").none() = nb::none());
}
