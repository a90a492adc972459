#include "chunk/series_batch.h"

#include <algorithm>
#include <cstring>

#include "bytes/error.h"
#include "chunk/chain.h"
#include "chunk/histogram.h"
#include "chunk/xor.h"
#include "chunk/xor2.h"

namespace narthex {

namespace {

void decode_columns(const ChunkView& c, int64_t mint, int64_t maxt, SampleBuffer& out) {
    size_t n = c.size / 16;
    const auto* t = reinterpret_cast<const int64_t*>(c.data);
    const auto* v = reinterpret_cast<const double*>(c.data + 8 * n);
    auto first = static_cast<size_t>(std::lower_bound(t, t + n, mint) - t);
    auto last = static_cast<size_t>(std::upper_bound(t, t + n, maxt) - t);
    if (first >= last) return;
    out.reserve_more(last - first);
    std::memcpy(out.times() + out.size(), t + first, (last - first) * sizeof(int64_t));
    std::memcpy(out.values() + out.size(), v + first, (last - first) * sizeof(double));
    out.commit(last - first);
}

// The samples from `tail` on overlap those before it: makes one run of both.
void merge_tail(size_t tail, SampleBuffer& samples, std::vector<int64_t>* starts) {
    thread_local SampleBuffer merged;
    std::vector<int64_t> merged_starts;
    merged.clear();
    merged.reserve_more(samples.size());
    const int64_t* t = samples.times();
    const double* v = samples.values();
    chain_runs(
        tail, samples.size(), [t](size_t i) { return t[i]; },
        [&](size_t i) {
            merged.push(t[i], v[i]);
            if (starts) merged_starts.push_back((*starts)[i]);
        });
    samples.swap(merged);
    if (starts) starts->swap(merged_starts);
}

// The same for histograms.
void merge_tail(size_t tail, HistogramColumns& samples) {
    std::vector<uint32_t> order;
    order.reserve(samples.size());
    const std::vector<int64_t>& t = samples.times;
    chain_runs(
        tail, t.size(), [&t](size_t i) { return t[i]; },
        [&](size_t i) { order.push_back(static_cast<uint32_t>(i)); });
    samples = samples.pick(order);
}

}  // namespace

void decode_chunk(const ChunkView& c, int64_t mint, int64_t maxt, SampleBuffer& out,
                  std::vector<int64_t>* starts) {
    if (c.encoding == kEncodingXor) {
        xor_decode({c.data, c.size}, mint, maxt, out);
    } else if (c.encoding == kEncodingColumns) {
        decode_columns(c, mint, maxt, out);
    } else if (c.encoding == kEncodingXor2) {
        xor2_decode({c.data, c.size}, mint, maxt, out, starts);
    } else {
        throw DecodeError("chunk encoding " + std::to_string(c.encoding) + " holds no floats", 0);
    }
    if (starts) starts->resize(out.size());
}

bool WindowSet::touches(int64_t mint, int64_t maxt) const {
    if (count == 0) return false;
    // The first window that ends at or after mint also starts first of those that do.
    uint64_t k = 0;
    if (mint > start) {
        uint64_t distance = static_cast<uint64_t>(mint) - static_cast<uint64_t>(start);
        auto width = static_cast<uint64_t>(step);
        k = distance / width + (distance % width != 0);
    }
    return k < count && start + static_cast<int64_t>(k) * step - range < maxt;
}

namespace {

template <typename Wanted>
void decode_chunks(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, SampleBuffer& out,
                   std::vector<int64_t>* starts, Wanted&& wanted) {
    out.clear();
    if (starts) starts->clear();
    for (const ChunkView& c : batch.row(i)) {
        if (c.maxt < mint || c.mint > maxt || is_histogram(c.encoding) || !wanted(c)) continue;
        size_t tail = out.size();
        decode_chunk(c, mint, maxt, out, starts);
        if (tail > 0 && tail < out.size() && out.times()[tail] <= out.times()[tail - 1])
            merge_tail(tail, out, starts);
    }
}

}  // namespace

void decode_row(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, SampleBuffer& out,
                std::vector<int64_t>* starts) {
    decode_chunks(batch, i, mint, maxt, out, starts, [](const ChunkView&) { return true; });
}

void decode_row(const SeriesBatch& batch, size_t i, const WindowSet& windows, SampleBuffer& out) {
    int64_t last = windows.start + (static_cast<int64_t>(windows.count) - 1) * windows.step;
    decode_chunks(batch, i, windows.start - windows.range + 1, last, out, nullptr,
                  [&](const ChunkView& c) { return windows.touches(c.mint, c.maxt); });
}

void decode_row(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt, std::vector<int64_t>& ts,
                std::vector<double>& vs) {
    thread_local SampleBuffer buffer;
    decode_row(batch, i, mint, maxt, buffer);
    ts.assign(buffer.times(), buffer.times() + buffer.size());
    vs.assign(buffer.values(), buffer.values() + buffer.size());
}

void decode_histograms(const SeriesBatch& batch, size_t i, int64_t mint, int64_t maxt,
                       HistogramColumns& out) {
    out.clear();
    for (const ChunkView& c : batch.row(i)) {
        if (c.maxt < mint || c.mint > maxt || !is_histogram(c.encoding)) continue;
        size_t tail = out.size();
        histogram_decode({c.data, c.size}, c.encoding, mint, maxt, out);
        if (tail > 0 && tail < out.size() && out.times[tail] <= out.times[tail - 1]) merge_tail(tail, out);
    }
}

SeriesBatch merge_batches(std::span<const SeriesBatch* const> batches) {
    SeriesBatch out;
    std::vector<SymbolMapper> mappers;
    std::vector<size_t> next(batches.size(), 0);
    for (const SeriesBatch* b : batches) {
        mappers.emplace_back(b->labels.symbols() ? *b->labels.symbols() : *out.labels.symbols(),
                             *out.labels.symbols());
        out.owners.insert(out.owners.end(), b->owners.begin(), b->owners.end());
        out.damage.add(b->damage);
    }
    size_t chunks = 0;
    for (const SeriesBatch* b : batches) chunks += b->chunks.size();
    out.chunks.reserve(chunks);
    std::vector<LabelPair> pairs;
    while (true) {
        size_t best = batches.size();
        for (size_t k = 0; k < batches.size(); ++k) {
            if (next[k] == batches[k]->rows()) continue;
            if (best == batches.size() ||
                compare_rows(batches[k]->labels, next[k], batches[best]->labels, next[best]) < 0)
                best = k;
        }
        if (best == batches.size()) break;
        pairs.clear();
        size_t row = next[best];
        for (LabelPair p : batches[best]->labels.row(row)) pairs.push_back(mappers[best](p));
        out.labels.add_row(pairs);
        for (size_t k = 0; k < batches.size(); ++k) {
            if (next[k] == batches[k]->rows()) continue;
            if (k != best && compare_rows(batches[k]->labels, next[k], batches[best]->labels, row) != 0)
                continue;
            auto chunks = batches[k]->row(next[k]);
            out.chunks.insert(out.chunks.end(), chunks.begin(), chunks.end());
            ++next[k];
        }
        auto first = out.chunks.begin() + static_cast<ptrdiff_t>(out.offsets.back());
        auto earlier = [](const ChunkView& a, const ChunkView& b) { return a.mint < b.mint; };
        // Mostly they are: sorting allocates even when there is nothing to do.
        if (!std::is_sorted(first, out.chunks.end(), earlier))
            std::stable_sort(first, out.chunks.end(), earlier);
        out.offsets.push_back(out.chunks.size());
    }
    return out;
}

}  // namespace narthex
