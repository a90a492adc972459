#include "head/snapshot.h"

#include <algorithm>
#include <bit>
#include <shared_mutex>
#include <utility>

#include "bytes/writer.h"
#include "wal/histogram_records.h"

namespace narthex {

namespace {

constexpr size_t kSnapshotSeriesAtOnce = 4096;
constexpr size_t kSnapshotExemplarsAtOnce = 10'000;
constexpr uint8_t kSnapshotTombstonesVersion = 1;

}  // namespace

bool HeadSnapshot::step() {
    if (done_) return false;
    std::shared_lock lock(head_->mutex_);
    const auto& series = head_->table_.series;
    for (size_t end = std::min(series.size(), next_ + kSnapshotSeriesAtOnce); next_ < end; ++next_) {
        if (series[next_].ref == 0) continue;
        ByteWriter record;
        series_record(series[next_], record);
        out_.record(record.buffer());
        ++series_;
    }
    if (next_ < series.size()) return true;
    tombstones_record();
    exemplar_records();
    out_.fill_page();
    done_ = true;
    return true;
}

void HeadSnapshot::tombstones_record() {
    ByteWriter entries;
    entries.u8(kSnapshotTombstonesVersion);
    const auto& series = head_->table_.series;
    for (size_t i = 0; i < series.size(); ++i) {
        const Intervals* deleted = head_->deleted(series[i]);
        if (deleted == nullptr) continue;
        for (Interval interval : *deleted) {
            entries.uvarint(series[i].ref);
            entries.varint(interval.mint);
            entries.varint(interval.maxt);
        }
    }
    ByteWriter record;
    record.u8(static_cast<uint8_t>(SnapshotRecord::kTombstones));
    record.uvarint(entries.size());
    record.raw(entries.buffer());
    out_.record(record.buffer());
}

// Those of series that are gone are left out: a record names series by reference.
void HeadSnapshot::exemplar_records() {
    ExemplarsRecord record;
    size_t n = 0;
    auto flush = [&] {
        if (record.empty()) return;
        std::vector<uint8_t> bytes(record.bytes().begin(), record.bytes().end());
        bytes[0] = static_cast<uint8_t>(SnapshotRecord::kExemplars);
        out_.record(bytes);
        record = {};
        n = 0;
    };
    head_->exemplars_.each_by_age(
        [&](std::string_view series, int64_t t, double value, const std::string& labels) {
            const Series* s = head_->series_of(series);
            if (s == nullptr) return;
            record.add(s->ref, t, std::bit_cast<uint64_t>(value), unpack_labels(labels));
            if (++n == kSnapshotExemplarsAtOnce) flush();
        });
    flush();
}

void HeadSnapshot::series_record(const Series& s, ByteWriter& record) const {
    const SeriesTable& table = head_->table_;
    record.u8(static_cast<uint8_t>(SnapshotRecord::kSeries));
    record.be64(s.ref);
    auto names = table.names.get(s.names);
    record.uvarint(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
        record.string(table.symbols->get(names[i]));
        record.string(table.symbols->get(s.values[i]));
    }
    record.be64(0);  // was the chunk range
    record.uvarint(s.size > 0 ? 1 : 0);
    if (s.size == 0) return;
    record.be64(static_cast<uint64_t>(s.mint));
    record.be64(static_cast<uint64_t>(s.t));
    record.u8(s.encoding);
    if (const OpenHistogram* open = table.extras.histogram(s)) {
        record.uvarint(open->bytes().size());
        record.raw(open->bytes());
        write_histogram(open->last(), record);
        return;
    }
    std::vector<uint8_t> chunk(s.size);
    head_->open_.copy(s, chunk.data());
    record.uvarint(chunk.size());
    record.raw(chunk);
    for (int i = 0; i < 7; ++i) record.be64(0);  // three samples and a time that nobody reads any more
    record.be64(s.v);
}

void decode_snapshot_series(std::span<const uint8_t> body, SnapshotSeries& out) {
    ByteReader in(body, 1);
    out.ref = in.be64();
    read_labels(in, out.labels);
    in.be64();
    out.encoding = 0;
    if (in.uvarint() == 0) return;
    in.be64();
    in.be64();
    out.encoding = in.u8();
    uint64_t size = in.uvarint();
    if (size > in.remaining()) in.fail("chunk of a snapshot runs past the end");
    out.chunk = in.bytes(static_cast<size_t>(size));
}

std::vector<std::pair<uint64_t, Interval>> decode_snapshot_tombstones(std::span<const uint8_t> body) {
    ByteReader in(body, 1);
    if (in.uvarint() != in.remaining() || in.u8() != kSnapshotTombstonesVersion) {
        in.fail("tombstones of a snapshot are of an unknown form");
    }
    std::vector<std::pair<uint64_t, Interval>> out;
    while (!in.empty()) {
        uint64_t ref = in.uvarint();
        int64_t mint = in.varint();
        out.push_back({ref, {mint, in.varint()}});
    }
    return out;
}

}  // namespace narthex
