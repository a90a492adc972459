#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/zstd.h"
#include "bytes/error.h"
#include "bytes/snappy.h"
#include "wal/checkpoint.h"
#include "wal/pages.h"

using namespace narthex;

namespace {

nb::bytes snappy_compress(nb::object data) {
    PyBufferView in(data);
    std::vector<uint8_t> out;
    {
        nb::gil_scoped_release release;
        snappy_encode(in.bytes(), out);
    }
    return to_bytes(out);
}

nb::bytes snappy_decompress(nb::object data, size_t limit) {
    PyBufferView in(data);
    std::vector<uint8_t> out;
    {
        nb::gil_scoped_release release;
        snappy_decode(in.bytes(), limit, out);
    }
    return to_bytes(out);
}

// The records of a segment as bytes, and the fault that ended it ("" for none) with the sound length.
nb::tuple read_records(nb::object segment, nb::object zstd) {
    PyBufferView in(segment);
    ZstdDecoder decoder = zstd_decoder(zstd);
    WalReader reader(in.bytes(), decoder);
    nb::list records;
    std::string fault;
    std::span<const uint8_t> record;
    try {
        while (reader.next(record)) records.append(nb::bytes(record.data(), record.size()));
    } catch (const DecodeError& e) {
        fault = e.what();
    }
    return nb::make_tuple(records, reader.good_end(), fault);
}

nb::bytes frame_records(const std::vector<nb::bytes>& records, size_t position) {
    WalWriter out(position);
    for (const nb::bytes& r : records) {
        out.record({reinterpret_cast<const uint8_t*>(r.data()), r.size()});
    }
    return to_bytes(out.bytes());
}

}  // namespace

ZstdDecoder zstd_decoder(nb::handle decompress) {
    if (decompress.is_none()) return {};
    return [decompress](std::span<const uint8_t> data, size_t limit, std::vector<uint8_t>& out) {
        nb::gil_scoped_acquire acquire;
        try {
            nb::object plain = decompress(nb::bytes(data.data(), data.size()), limit);
            PyBufferView buffer(plain);
            auto s = buffer.bytes();
            out.assign(s.begin(), s.end());
        } catch (nb::python_error& e) {
            throw DecodeError("zstd record: " + std::string(e.what()), 0);
        }
    };
}

WalCompression wal_compression(std::string_view kind, nb::handle zstd) {
    if (kind == "none") return {WalCompression::Kind::kNone, {}};
    if (kind == "snappy") return {};
    if (kind != "zstd" || zstd.is_none()) throw nb::value_error("compression is none, snappy or zstd");
    return {WalCompression::Kind::kZstd, [zstd](std::span<const uint8_t> plain, std::vector<uint8_t>& out) {
                nb::gil_scoped_acquire acquire;
                nb::object frame = zstd(nb::bytes(plain.data(), plain.size()));
                PyBufferView buffer(frame);
                auto s = buffer.bytes();
                out.insert(out.end(), s.begin(), s.end());
            }};
}

void bind_wal(nb::module_& m) {
    m.def("snappy_compress", &snappy_compress, nb::arg("data"));
    m.def("snappy_decompress", &snappy_decompress, nb::arg("data"), nb::arg("limit"));
    m.def("wal_records", &read_records, nb::arg("segment"), nb::arg("zstd").none() = nb::none());
    m.def("wal_frame", &frame_records, nb::arg("records"), nb::arg("position") = 0);
    nb::class_<CheckpointCounts>(m, "CheckpointCounts")
        .def_ro("kept_series", &CheckpointCounts::kept_series)
        .def_ro("dropped_series", &CheckpointCounts::dropped_series)
        .def_ro("kept_samples", &CheckpointCounts::kept_samples)
        .def_ro("dropped_samples", &CheckpointCounts::dropped_samples)
        .def_ro("dropped_records", &CheckpointCounts::dropped_records)
        .def_ro("faults", &CheckpointCounts::faults)
        .def_ro("fault", &CheckpointCounts::fault);
    nb::class_<Checkpoint>(m, "WalCheckpoint")
        .def(
            "__init__",
            [](Checkpoint* self, nb::ndarray<const uint64_t, nb::ndim<1>, nb::c_contig> refs, int64_t mint,
               std::string_view compression, nb::object zstd) {
                new (self) Checkpoint({refs.data(), refs.shape(0)}, mint, wal_compression(compression, zstd));
            },
            nb::arg("refs"), nb::arg("mint"), nb::arg("compression") = "snappy", nb::arg("zstd") = nb::none(),
            nb::keep_alive<1, 5>())
        .def(
            "segment",
            [](Checkpoint& c, nb::object segment, nb::object zstd) {
                PyBufferView in(segment);
                ZstdDecoder decoder = zstd_decoder(zstd);
                nb::gil_scoped_release release;
                c.segment(in.bytes(), decoder);
            },
            nb::arg("segment"), nb::arg("zstd").none() = nb::none())
        .def("finish", &Checkpoint::finish, nb::call_guard<nb::gil_scoped_release>())
        .def("fill_page", &Checkpoint::fill_page)
        .def("take", [](Checkpoint& c) { return to_bytes(c.take()); })
        .def_prop_ro("counts", [](const Checkpoint& c) { return c.counts(); });
}
