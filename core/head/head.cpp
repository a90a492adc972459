#include "head/head.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>

#include "chunk/stale.h"
#include "chunk/xor2_encoder.h"
#include "chunk/xor_encoder.h"

namespace narthex {

namespace {

constexpr unsigned kChunkSamples = 120;
constexpr size_t kMaxChunkBytes = 1024;

uint64_t difference(int64_t a, int64_t b) {
    return static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
}

// First multiple of `range` after t, saturating. Division rounds towards zero, as Prometheus' does.
int64_t range_end(int64_t t, int64_t range) {
    int64_t start = t - t % range;
    return start > kMaxTime - range ? kMaxTime : start + range;
}

}  // namespace

Head::Head(int64_t chunk_range, uint32_t out_of_order_cap)
    : chunk_range_(chunk_range), out_of_order_cap_(out_of_order_cap) {
    if (chunk_range < 1 || chunk_range >= int64_t{1} << 31) {
        throw std::invalid_argument("chunk range must be in [1, 2^31) milliseconds");
    }
    if (out_of_order_cap < 1 || out_of_order_cap > 255) {
        throw std::invalid_argument("out-of-order chunks must have 1 to 255 samples");
    }
}

// `ref` 0: take the next free one.
uint32_t Head::create_or_find(std::span<const LabelPair> pairs, uint64_t ref) {
    uint32_t hash = hash_pairs(pairs);
    uint32_t slot = table_.find(pairs, hash);
    if (slot != RefMap::kNone) return slot;
    bool fresh = ref == 0;
    if (fresh) ref = counts_.last_ref + 1;
    counts_.last_ref = std::max(counts_.last_ref, ref);
    slot = table_.add(ref, pairs, hash);
    counts_.label_pairs = table_.postings.pairs();
    ++counts_.created;
    if (fresh) unlogged_.push_back(ref);
    return slot;
}

uint64_t Head::series(std::span<const TextPair> labels) {
    std::unique_lock lock(mutex_);
    auto pairs = table_.intern(labels);
    Series& s = table_.series[create_or_find(pairs, 0)];
    s.touched = transactions_->mark();
    return s.ref;
}

std::vector<uint64_t> Head::series(const LabelSets& sets) {
    std::unique_lock lock(mutex_);
    std::vector<uint64_t> refs;
    refs.reserve(sets.rows());
    table_.intern_each(sets, [&](std::span<const LabelPair> pairs) {
        Series& s = table_.series[create_or_find(pairs, 0)];
        s.touched = transactions_->mark();
        refs.push_back(s.ref);
    });
    return refs;
}

uint32_t Head::range_after(int64_t t) const {
    return static_cast<uint32_t>(difference(range_end(t, chunk_range_), t));
}

void Head::begin_chunk(Series& s, int64_t t, uint8_t encoding) {
    s.encoding = encoding;
    s.mint = t;
    s.cut_after = range_after(t);
    ++counts_.chunks;
    ++counts_.chunks_created;
}

void Head::close_chunk(Series& s) {
    if (s.size == kElsewhere) {
        s.closed = closed_.add({s.ref, s.mint, s.t, s.encoding, false, open_elsewhere(s)}, s.closed);
        release_open(s);
        return;
    }
    uint8_t bytes[kMaxChunkBytes + kXor2MaxSample];
    open_.copy(s, bytes);
    s.closed = closed_.add({s.ref, s.mint, s.t, s.encoding, false, {bytes, s.size}}, s.closed);
    open_.release(s);
}

void Head::set_newest(Series& s, int64_t t, uint64_t bits) {
    counts_.stale_series -= s.v == kStaleNaNBits;
    counts_.stale_series += bits == kStaleNaNBits;
    s.t = t;
    s.v = bits;
    counts_.min_time = std::min(counts_.min_time, t);
    oldest_append_ = std::min(oldest_append_, t);
    counts_.max_time = std::max(counts_.max_time, t);
}

bool Head::is_due(Series& s, int64_t t, size_t widest) {
    if (s.size == 0) return false;
    if (s.samples == kChunkSamples / 4) {
        // A quarter is full: spread the rest of the range evenly over chunks of about the wanted size.
        uint64_t pieces = s.cut_after / ((difference(s.t, s.mint) + 1) * 4);
        if (pieces > 1) s.cut_after = static_cast<uint32_t>(s.cut_after / pieces);
    }
    return difference(t, s.mint) >= s.cut_after || s.samples >= 2 * kChunkSamples ||
           s.size > kMaxChunkBytes - widest;
}

void Head::append(Series& s, int64_t t, int64_t start, uint64_t bits) {
    if (s.encoding != kEncodingXor && append_elsewhere(s, t, start, bits)) [[unlikely]]
        return;
    if (is_due(s, t, kXorMaxSample)) close_chunk(s);
    unsigned n = s.size == 0 ? 0 : s.samples;
    if (n == 0) {
        if (encoding_.xor2) {
            append_xor2(s, t, start, bits);
            return;
        }
        open_.open(s);
        s.free_bits = 0;
        begin_chunk(s, t, kEncodingXor);
    }
    XorState state{s.t, s.v, s.delta, s.free_bits, s.leading, s.trailing};
    XorBits out(s.free_bits > 0 ? open_.last_byte(s) : 0, s.free_bits);
    xor_encode(state, n, t, bits, out);
    open_.write(s, s.size - (s.free_bits > 0 ? 1u : 0u), out.data(), out.size());
    s.samples = static_cast<uint16_t>(n + 1);
    set_newest(s, t, bits);
    s.delta = static_cast<uint32_t>(state.delta);
    s.free_bits = state.free_bits;
    s.leading = state.leading;
    s.trailing = state.trailing;
}

void Head::set_encoding(const HeadEncoding& encoding) {
    if (encoding.store_starts && !encoding.xor2)
        throw std::invalid_argument("XOR chunks do not keep start times");
    std::unique_lock lock(mutex_);
    encoding_ = encoding;
    store_starts_.store(encoding.store_starts, std::memory_order_relaxed);
    if (!encoding.store_starts) return;
    // XOR2 goes on where XOR was, unless start times would be lost.
    for (size_t i = 0; i < table_.series.size(); ++i) {
        Series& s = table_.series[i];
        if (s.encoding == kEncodingXor) s.cut_after = 0;
    }
}

// Half a chunk range behind the newest sample: older ones could belong to a block that is being written.
int64_t Head::appendable_from() const {
    int64_t newest = counts_.max_time;
    if (newest < kMinTime + chunk_range_) return counts_.min_valid_time;
    return std::max(counts_.min_valid_time, newest - chunk_range_ / 2);
}

void Head::set_min_valid_time(int64_t mint) {
    std::unique_lock lock(mutex_);
    ++version_;
    counts_.min_valid_time = std::max(counts_.min_valid_time, mint);
}

HeadView Head::view() const {
    std::shared_lock lock(mutex_);
    return {generation_, static_cast<uint32_t>(table_.series.size())};
}

HeadStats Head::stats() const {
    std::shared_lock lock(mutex_);
    HeadStats s = counts_;
    s.series = table_.series.size() - forgotten_;
    s.symbol_bytes = table_.symbols->bytes();
    s.chunk_bytes = closed_.memory_bytes();
    s.out_of_order = out_of_order_[0].load(std::memory_order_relaxed);
    s.out_of_bounds = out_of_bounds_[0].load(std::memory_order_relaxed);
    s.histograms_out_of_order = out_of_order_[1].load(std::memory_order_relaxed);
    s.histograms_out_of_bounds = out_of_bounds_[1].load(std::memory_order_relaxed);
    s.too_old = too_old_[0].load(std::memory_order_relaxed);
    s.histograms_too_old = too_old_[1].load(std::memory_order_relaxed);
    for (size_t i = 0; i < s.delays.size(); ++i) s.delays[i] = delays_[i].load(std::memory_order_relaxed);
    s.delay_sum = delay_sum_.load(std::memory_order_relaxed);
    std::tie(s.transactions, s.open_transactions) = transactions_->counts();
    return s;
}

std::vector<ClosedChunks::UnwrittenPage> Head::unwritten_chunks() {
    std::unique_lock lock(mutex_);
    return closed_.unwritten();
}

void Head::chunks_written(uint32_t page, uint32_t file, uint32_t position) {
    std::unique_lock lock(mutex_);
    closed_.written(page, file, position);
}

size_t Head::map_chunks(uint32_t file, std::shared_ptr<const void> owner, std::span<const uint8_t> bytes) {
    std::vector<std::shared_ptr<const void>> released;  // let go after the lock
    std::unique_lock lock(mutex_);
    size_t fresh = closed_.map(file, std::move(owner), bytes);
    released = closed_.take_released();
    return fresh;
}

uint32_t Head::oldest_chunk_file(uint32_t none) const {
    std::shared_lock lock(mutex_);
    return closed_.oldest_file(none);
}

std::vector<uint64_t> Head::refs() const {
    std::shared_lock lock(mutex_);
    std::vector<uint64_t> out;
    out.reserve(table_.series.size() + aliases_.size());
    for (size_t i = 0; i < table_.series.size(); ++i) {
        if (table_.series[i].ref != 0) out.push_back(table_.series[i].ref);
    }
    for (const auto& alias : aliases_) out.push_back(alias.first);
    return out;
}

}  // namespace narthex
