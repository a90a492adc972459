#include "block/reencode.h"

#include <algorithm>

#include "chunk/chain.h"
#include "chunk/histogram.h"
#include "chunk/histogram_cut.h"
#include "chunk/sample_buffer.h"
#include "chunk/xor.h"
#include "chunk/xor2.h"

namespace narthex {

namespace {

// A decoded sample: where it is among the floats or the histograms.
struct Pick {
    int64_t t;
    uint32_t at;
    bool histogram;
};

struct Decoded {
    SampleBuffer floats;
    std::vector<int64_t> float_starts;
    HistogramColumns histograms;
    bool xor2 = false;
    std::vector<Pick> picks;
};

void decode_floats(const ChunkView& chunk, int64_t mint, int64_t maxt, Decoded& out) {
    size_t first = out.floats.size();
    if (chunk.encoding == kEncodingXor2) {
        out.xor2 = true;
        xor2_decode({chunk.data, chunk.size}, mint, maxt, out.floats, &out.float_starts);
    } else {
        decode_chunk(chunk, mint, maxt, out.floats);
        out.float_starts.resize(out.floats.size());
    }
    for (size_t k = first; k < out.floats.size(); ++k)
        out.picks.push_back({out.floats.times()[k], static_cast<uint32_t>(k), false});
}

void decode_histograms(const ChunkView& chunk, int64_t mint, int64_t maxt, Decoded& out) {
    size_t first = out.histograms.size();
    histogram_decode({chunk.data, chunk.size}, chunk.encoding, mint, maxt, out.histograms);
    for (size_t k = first; k < out.histograms.size(); ++k)
        out.picks.push_back({out.histograms.times[k], static_cast<uint32_t>(k), true});
}

void chain_picks(size_t tail, std::vector<Pick>& picks) {
    std::vector<Pick> chained;
    chained.reserve(picks.size());
    chain_runs(
        tail, picks.size(), [&](size_t i) { return picks[i].t; },
        [&](size_t i) { chained.push_back(picks[i]); });
    picks = std::move(chained);
}

void drop_deleted(std::vector<Pick>& picks, const Intervals& deleted) {
    auto next = deleted.begin();
    std::erase_if(picks, [&](const Pick& p) {
        while (next != deleted.end() && next->maxt < p.t) ++next;
        return next != deleted.end() && next->mint <= p.t;
    });
}

void encode_floats(std::span<const Pick> picks, const Decoded& in, std::vector<EncodedChunk>& out) {
    for (size_t a = 0; a < picks.size(); a += kSamplesPerChunk) {
        auto part = picks.subspan(a, std::min(kSamplesPerChunk, picks.size() - a));
        XorAppender plain;
        Xor2Appender with_starts;
        for (const Pick& p : part) {
            double v = in.floats.values()[p.at];
            if (in.xor2) {
                with_starts.append(p.t, v, in.float_starts[p.at]);
            } else {
                plain.append(p.t, v);
            }
        }
        out.push_back({part.front().t, part.back().t, in.xor2 ? kEncodingXor2 : kEncodingXor,
                       in.xor2 ? with_starts.take() : plain.take()});
    }
}

void encode_histograms(std::span<const Pick> picks, const Decoded& in, std::vector<EncodedChunk>& out) {
    std::vector<uint32_t> order;
    order.reserve(picks.size());
    for (const Pick& p : picks) order.push_back(p.at);
    HistogramColumns samples = in.histograms.pick(order);
    for (const HistogramPart& part : cut_histograms(samples, kSamplesPerChunk))
        out.push_back({samples.times[part.first], samples.times[part.last - 1], part.encoding,
                       encode_part(samples, part)});
}

}  // namespace

std::vector<EncodedChunk> reencode(std::span<const ChunkView> chunks, int64_t mint, int64_t maxt,
                                   const Intervals* deleted, uint8_t float_encoding) {
    Decoded in;
    in.xor2 = float_encoding == kEncodingXor2;
    for (const ChunkView& chunk : chunks) {
        size_t tail = in.picks.size();
        if (is_histogram(chunk.encoding)) {
            decode_histograms(chunk, mint, maxt, in);
        } else {
            decode_floats(chunk, mint, maxt, in);
        }
        if (tail > 0 && tail < in.picks.size() && in.picks[tail].t <= in.picks[tail - 1].t)
            chain_picks(tail, in.picks);
    }
    if (deleted != nullptr) drop_deleted(in.picks, *deleted);
    std::vector<EncodedChunk> out;
    for (size_t a = 0; a < in.picks.size();) {
        size_t b = a + 1;
        while (b < in.picks.size() && in.picks[b].histogram == in.picks[a].histogram) ++b;
        auto stretch = std::span(in.picks).subspan(a, b - a);
        if (in.picks[a].histogram) {
            encode_histograms(stretch, in, out);
        } else {
            encode_floats(stretch, in, out);
        }
        a = b;
    }
    return out;
}

}  // namespace narthex
