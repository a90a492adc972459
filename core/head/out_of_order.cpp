#include "head/out_of_order.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <span>
#include <utility>

#include "chunk/histogram_cut.h"
#include "chunk/xor.h"
#include "chunk/xor2.h"
#include "head/head.h"

namespace narthex {

bool OutOfOrder::insert(const Sample& sample) {
    auto at = open.end();
    // They mostly come in order among themselves.
    if (!open.empty() && sample.t <= open.back().t) {
        at = std::lower_bound(open.begin(), open.end(), sample.t,
                              [](const Sample& s, int64_t t) { return s.t < t; });
        if (at->t == sample.t) return false;
    }
    open.insert(at, sample);
    return true;
}

bool OutOfOrder::insert(int64_t t, int64_t start, uint64_t bits) {
    return insert({t, start, bits, false});
}

bool OutOfOrder::insert(int64_t t, int64_t start, const HistogramView& value) {
    if (histograms == nullptr) histograms = std::make_unique<HistogramColumns>();
    if (!insert({t, start, histograms->size(), true})) return false;
    histograms->push(t, 0, value);
    return true;
}

namespace {

using LateSamples = std::span<const OutOfOrder::Sample>;

OutOfOrder::Encoded encode_late_floats(LateSamples samples, bool xor2) {
    XorAppender plain;
    Xor2Appender with_starts;
    for (const auto& s : samples) {
        double v = std::bit_cast<double>(s.value);
        xor2 ? with_starts.append(s.t, v, s.start) : plain.append(s.t, v);
    }
    return {samples.front().t, samples.back().t, xor2 ? kEncodingXor2 : kEncodingXor,
            xor2 ? with_starts.take() : plain.take()};
}

void encode_late_histograms(LateSamples samples, const HistogramColumns& values, bool starts,
                            std::vector<OutOfOrder::Encoded>& out) {
    HistogramColumns sorted;
    HistogramWalk walk(values);
    for (const auto& s : samples) sorted.push(s.t, starts ? s.start : 0, walk.at(s.value));
    for (const HistogramPart& part : cut_histograms(sorted, samples.size())) {
        out.push_back({sorted.times[part.first], sorted.times[part.last - 1], part.encoding,
                       encode_part(sorted, part)});
    }
}

}  // namespace

std::vector<OutOfOrder::Encoded> OutOfOrder::encode(bool xor2, bool histogram_starts) const {
    std::vector<Encoded> out;
    for (size_t a = 0; a < open.size();) {
        // Samples within a wide window may lie further apart than a closed chunk can be long.
        auto together = [&](const Sample& s) {
            return s.histogram == open[a].histogram &&
                   static_cast<uint64_t>(s.t) - static_cast<uint64_t>(open[a].t) <= kMaxChunkSpan;
        };
        size_t b = a + 1;
        while (b < open.size() && together(open[b])) ++b;
        LateSamples part(open.data() + a, b - a);
        if (open[a].histogram) {
            encode_late_histograms(part, *histograms, histogram_starts, out);
        } else {
            out.push_back(encode_late_floats(part, xor2));
        }
        a = b;
    }
    return out;
}

uint32_t OutOfOrder::compacting(const ClosedChunks& chunks) const {
    uint32_t id = closed;
    for (uint32_t i = 0; i < fresh && id != kNoChunk; ++i) id = chunks[id].older;
    return id;
}

bool any_overlaps(const ClosedChunks& chunks, uint32_t chain, int64_t mint, int64_t maxt) {
    for (uint32_t id = chain; id != kNoChunk; id = chunks[id].older) {
        if (chunks[id].mint <= maxt && chunks[id].maxt() >= mint) return true;
    }
    return false;
}

OutOfOrder& Head::open_out_of_order(Series& s) {
    auto& late = table_.extras.of(s).out_of_order;
    if (late == nullptr) late = std::make_unique<OutOfOrder>();
    if (late->open.size() >= out_of_order_cap_) close_out_of_order(s, *late);
    return *late;
}

template <typename Value>
bool Head::insert(Series& s, int64_t t, int64_t start, const Value& value) {
    OutOfOrder& late = open_out_of_order(s);
    bool first = late.open.empty();
    if (!late.insert(t, encoding_.store_starts ? start : 0, value)) return false;
    counts_.chunks += first;
    counts_.chunks_created += first;
    counts_.out_of_order_min_time = std::min(counts_.out_of_order_min_time, t);
    counts_.out_of_order_max_time = std::max(counts_.out_of_order_max_time, t);
    return true;
}

template bool Head::insert(Series& s, int64_t t, int64_t start, const uint64_t& bits);
template bool Head::insert(Series& s, int64_t t, int64_t start, const HistogramView& value);

void Head::close_out_of_order(const Series& s, OutOfOrder& late) {
    if (late.open.empty()) return;
    auto chunks = late.encode(encoding_.xor2, encoding_.histogram_starts);
    for (const auto& c : chunks) {
        late.closed = closed_.add({s.ref, c.mint, c.maxt, c.encoding, true, c.bytes}, late.closed);
    }
    late.fresh += static_cast<uint32_t>(chunks.size());
    counts_.chunks += chunks.size() - 1;
    counts_.chunks_created += chunks.size() - 1;
    late.open.clear();
    late.histograms.reset();
}

template <typename Use>
void Head::each_out_of_order(Use&& use) {
    for (size_t i = 0; i < table_.series.size(); ++i) {
        Series& s = table_.series[i];
        SeriesExtra* extra = table_.extras.find(s);
        if (extra != nullptr && extra->out_of_order != nullptr) use(s, extra->out_of_order);
    }
}

std::pair<int64_t, int64_t> Head::begin_out_of_order_compaction() {
    std::unique_lock lock(mutex_);
    std::pair<int64_t, int64_t> range{kMaxTime, kMinTime};
    each_out_of_order([&](const Series& s, const auto& late) {
        close_out_of_order(s, *late);
        late->fresh = 0;
        for (uint32_t id = late->closed; id != kNoChunk; id = closed_[id].older) {
            range.first = std::min(range.first, closed_[id].mint);
            range.second = std::max(range.second, closed_[id].maxt());
        }
    });
    return range;
}

void Head::end_out_of_order_compaction() {
    std::vector<std::shared_ptr<const void>> released;  // let go after the lock
    std::unique_lock lock(mutex_);
    ++version_;
    counts_.out_of_order_min_time = kMaxTime;
    counts_.out_of_order_max_time = kMinTime;
    each_out_of_order([&](const Series&, auto& late) {
        uint32_t id = late->closed, last = kNoChunk;
        for (uint32_t k = 0; k < late->fresh; ++k) last = std::exchange(id, closed_[id].older);
        size_t dropped = closed_.drop(id);
        if (last == kNoChunk) {
            late->closed = kNoChunk;
        } else {
            closed_.set_older(last, kNoChunk);
        }
        counts_.chunks -= dropped;
        counts_.chunks_removed += dropped;
        note_times(*late);
        if (late->empty()) late.reset();
    });
    released = closed_.take_released();
}

void Head::note_times(const OutOfOrder& late) {
    auto note = [this](int64_t mint, int64_t maxt) {
        counts_.out_of_order_min_time = std::min(counts_.out_of_order_min_time, mint);
        counts_.out_of_order_max_time = std::max(counts_.out_of_order_max_time, maxt);
    };
    if (!late.open.empty()) note(late.open.front().t, late.open.back().t);
    for (uint32_t id = late.closed; id != kNoChunk; id = closed_[id].older) {
        note(closed_[id].mint, closed_[id].maxt());
    }
}

void Head::set_out_of_order_window(int64_t window) {
    std::unique_lock lock(mutex_);
    window_ = std::max<int64_t>(window, 0);
}

}  // namespace narthex
