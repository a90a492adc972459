#include "outbox/outbox.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>
#include <utility>

#include "bind/buffers.h"
#include "bind/module.h"
#include "bind/text.h"
#include "bind/zstd.h"
#include "bytes/snappy.h"

using namespace narthex;

namespace {

// Reading holds the outbox' lock and may want the GIL (for zstd): whoever waits for that lock must not hold
// the GIL.
template <typename Call>
auto without_gil(Call&& call) {
    nb::gil_scoped_release release;
    return call();
}

// What Python holds keeps the outbox alive.
struct Batch {
    std::shared_ptr<Outbox> outbox;
    std::unique_ptr<OutboxBatch> batch;

    Batch(std::shared_ptr<Outbox> from, std::unique_ptr<OutboxBatch> what)
        : outbox(std::move(from)), batch(std::move(what)) {}
    Batch(Batch&&) = default;
    Batch& operator=(Batch&&) = delete;
    ~Batch() { done(); }
    void done() {
        if (batch) without_gil([&] { batch.reset(); });
    }
};

std::optional<Batch> wrap(const std::shared_ptr<Outbox>& outbox, std::unique_ptr<OutboxBatch> batch) {
    if (!batch) return std::nullopt;
    return Batch{outbox, std::move(batch)};
}

OutboxBatch& open(const Batch& b) {
    if (!b.batch) throw nb::value_error("the batch is done with");
    return *b.batch;
}

nb::tuple triple(const uint64_t (&counts)[3]) {
    return nb::make_tuple(counts[0], counts[1], counts[2]);
}

nb::tuple read(Outbox& o, nb::object bytes, size_t start, uint64_t segment, uint64_t offset, bool complete,
               bool series_only, size_t capacity, int64_t mint, nb::object zstd) {
    PyBufferView in(bytes);
    ZstdDecoder decoder = zstd_decoder(zstd);
    Outbox::Reading reading;
    {
        nb::gil_scoped_release release;
        reading =
            o.read({in.bytes(), start, {segment, offset}, complete}, series_only, capacity, mint, decoder);
    }
    return nb::make_tuple(reading.stop, reading.end);
}

nb::bytes encode_metadata(
    const std::vector<std::tuple<std::string, uint8_t, std::string, std::string>>& families) {
    std::vector<MetricFamilyText> list;
    for (const auto& [name, type, help, unit] : families) list.push_back({name, type, help, unit});
    std::vector<uint8_t> plain, out;
    nb::gil_scoped_release release;
    write_metadata_request(list, plain);
    snappy_encode(plain, out);
    nb::gil_scoped_acquire acquire;
    return to_bytes(out);
}

nb::list undecided(const Outbox& o) {
    nb::list out;
    for (const OwnedLabels& labels : without_gil([&] { return o.undecided(); })) {
        nb::list pairs;
        for (const auto& [name, value] : labels) pairs.append(nb::make_tuple(text(name), text(value)));
        out.append(pairs);
    }
    return out;
}

void bind_counts(nb::module_& m) {
    nb::class_<OutboxCounts>(m, "OutboxCounts")
        .def_prop_ro("taken", [](const OutboxCounts& c) { return triple(c.taken); })
        .def_ro("custom_buckets", &OutboxCounts::custom_buckets)
        .def_ro("faults", &OutboxCounts::faults)
        .def_ro("newest", &OutboxCounts::newest)
        .def_prop_ro("relabelled_away", [](const OutboxCounts& c) { return triple(c.relabelled_away); })
        .def_prop_ro("unknown", [](const OutboxCounts& c) { return triple(c.unknown); })
        .def_prop_ro("too_old", [](const OutboxCounts& c) { return triple(c.too_old); })
        .def_prop_ro("records", [](const OutboxCounts& c) {
            return std::vector<uint64_t>(std::begin(c.records), std::end(c.records));
        });
}

void bind_batch(nb::module_& m) {
    nb::class_<Batch>(m, "OutboxBatch")
        .def("encode",
             [](const Batch& b) {
                 std::vector<uint8_t> out;
                 {
                     nb::gil_scoped_release release;
                     out = open(b).encode();
                 }
                 return to_bytes(out);
             })
        .def(
            "drop_older",
            [](Batch& b, int64_t t) {
                uint64_t dropped[3] = {};
                without_gil([&] { open(b).drop_older(t, dropped); });
                return triple(dropped);
            },
            nb::arg("t"))
        .def("split", [](Batch& b) { return wrap(b.outbox, without_gil([&] { return open(b).split(); })); })
        .def("done", [](Batch& b) { b.done(); })
        .def("__len__", [](const Batch& b) { return b.batch ? b.batch->size() : 0; })
        .def_prop_ro("newest", [](const Batch& b) { return open(b).newest(); })
        .def_prop_ro("counts", [](const Batch& b) {
            const OutboxBatch& batch = open(b);
            return nb::make_tuple(batch.count(EntryKind::kFloat), batch.count(EntryKind::kHistogram),
                                  batch.count(EntryKind::kExemplar));
        });
}

}  // namespace

void bind_outbox(nb::module_& m) {
    m.def("encode_metadata", &encode_metadata, nb::arg("families"));
    nb::enum_<Outbox::Stop>(m, "OutboxStop")
        .value("END", Outbox::Stop::kEnd)
        .value("FULL", Outbox::Stop::kFull)
        .value("UNDECIDED", Outbox::Stop::kUndecided)
        .value("FAULT", Outbox::Stop::kFault);
    bind_counts(m);
    bind_batch(m);
    // Shared, because batches that are on their way hold it, too.
    struct Shared {
        std::shared_ptr<Outbox> outbox;
    };
    nb::class_<Shared>(m, "Outbox")
        .def(
            "__init__",
            [](Shared* self, size_t shards, OwnedLabels external, bool second_version, bool exemplars,
               bool histograms, bool relabel) {
                OutboxOptions options{second_version, exemplars, histograms, relabel};
                new (self) Shared{std::make_shared<Outbox>(options, std::move(external), shards)};
            },
            nb::arg("shards"), nb::arg("external"), nb::kw_only(), nb::arg("second_version") = false,
            nb::arg("exemplars") = false, nb::arg("histograms") = false, nb::arg("relabel") = false)
        .def(
            "read",
            [](Shared& s, nb::object bytes, size_t start, uint64_t segment, uint64_t offset, bool complete,
               bool series_only, size_t capacity, int64_t mint, nb::object zstd) {
                return read(*s.outbox, bytes, start, segment, offset, complete, series_only, capacity, mint,
                            std::move(zstd));
            },
            nb::arg("piece"), nb::arg("start"), nb::arg("segment"), nb::arg("offset"), nb::kw_only(),
            nb::arg("complete"), nb::arg("series_only"), nb::arg("capacity"), nb::arg("mint"),
            nb::arg("zstd"))
        .def("undecided", [](const Shared& s) { return undecided(*s.outbox); })
        .def(
            "decide",
            [](Shared& s, const std::vector<std::optional<OwnedLabels>>& labels) {
                s.outbox->decide(labels);
            },
            nb::arg("labels"))
        .def(
            "take",
            [](Shared& s, size_t shard, size_t most) {
                return wrap(s.outbox, without_gil([&] { return s.outbox->take(shard, most); }));
            },
            nb::arg("shard"), nb::arg("most"))
        .def("pending", [](const Shared& s) { return without_gil([&] { return s.outbox->pending(); }); })
        .def("unsent", [](const Shared& s) { return without_gil([&] { return s.outbox->unsent(); }); })
        .def(
            "reshard", [](Shared& s, size_t shards) { without_gil([&] { s.outbox->reshard(shards); }); },
            nb::arg("shards"))
        .def("acknowledged",
             [](const Shared& s) {
                 LogPlace place = without_gil([&] { return s.outbox->acknowledged(); });
                 return nb::make_tuple(place.segment, place.offset);
             })
        .def(
            "forget_before", [](Shared& s, uint64_t segment) { s.outbox->forget_before(segment); },
            nb::arg("segment"), nb::call_guard<nb::gil_scoped_release>())
        .def("series", [](const Shared& s) { return without_gil([&] { return s.outbox->series(); }); })
        .def("counts", [](const Shared& s) { return without_gil([&] { return s.outbox->counts(); }); });
}
