// What a transaction of the head and one of an agent look like from Python, and how both read their log.
#pragma once

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string_view.h>

#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "bind/arrays.h"
#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/zstd.h"
#include "chunk/histogram_batch.h"
#include "labels/label_sets.h"

template <typename T>
using AppendColumn = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::span<const T> column_view(const AppendColumn<T>& c) {
    return {c.data(), c.shape(0)};
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
                // Doubles as their bits: a NaN must keep its payload.
                std::span<const uint64_t> bits(reinterpret_cast<const uint64_t*>(values.data()),
                                               values.shape(0));
                return append(tx, refs, ts, bits, starts);
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
