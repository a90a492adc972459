#include "block/analysis.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "chunk/encoding.h"
#include "chunk/histogram.h"

namespace narthex {

namespace {

constexpr std::string_view kMetric = "__name__";
constexpr int64_t kEver = std::numeric_limits<int64_t>::max();

struct PairTally {
    uint64_t series = 0;
    uint64_t uncovered = 0;  // milliseconds; wraps as its sum over all series does
};

// By (name << 32 | value), as symbols.
using Tallies = std::unordered_map<uint64_t, PairTally>;

struct NameTally {
    uint64_t values = 0;
    uint64_t bytes = 0;
    uint64_t uncovered = 0;
};

std::vector<RankedLabel> top(std::vector<RankedLabel> all, size_t limit) {
    auto before = [](const RankedLabel& a, const RankedLabel& b) {
        if (a.count != b.count) return a.count > b.count;
        return a.name != b.name ? a.name < b.name : a.value < b.value;
    };
    size_t n = std::min(limit, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<ptrdiff_t>(n), all.end(), before);
    all.resize(n);
    return all;
}

uint64_t whole_series(uint64_t uncovered, uint64_t duration) {
    return static_cast<uint64_t>(static_cast<double>(uncovered) / static_cast<double>(duration));
}

void rank(const IndexReader& index, const Tallies& tallies, uint64_t duration, size_t limit,
          LabelAnalysis& out) {
    std::vector<RankedLabel> churning, common, metrics;
    std::unordered_map<uint32_t, NameTally> names;
    for (const auto& [key, tally] : tallies) {
        auto name_id = static_cast<uint32_t>(key >> 32);
        std::string_view name = index.symbol(name_id), value = index.symbol(static_cast<uint32_t>(key));
        churning.push_back({name, value, whole_series(tally.uncovered, duration)});
        common.push_back({name, value, tally.series});
        if (name == kMetric) metrics.push_back({value, {}, tally.series});
        NameTally& n = names[name_id];
        ++n.values;
        n.bytes += value.size();
        n.uncovered += tally.uncovered;
    }
    std::vector<RankedLabel> churning_names, longest, richest;
    for (const auto& [id, tally] : names) {
        std::string_view name = index.symbol(id);
        churning_names.push_back({name, {}, whole_series(tally.uncovered, duration)});
        longest.push_back({name, {}, tally.bytes});
        richest.push_back({name, {}, tally.values});
    }
    out.names = names.size();
    out.churning_pairs = top(std::move(churning), limit);
    out.churning_names = top(std::move(churning_names), limit);
    out.common_pairs = top(std::move(common), limit);
    out.longest_names = top(std::move(longest), limit);
    out.richest_names = top(std::move(richest), limit);
    out.largest_metrics = top(std::move(metrics), limit);
}

}  // namespace

LabelAnalysis analyze_labels(const IndexReader& index, std::span<const MatchTerm> terms, int64_t mint,
                             int64_t maxt, size_t limit) {
    LabelAnalysis out;
    Tallies tallies;
    std::vector<LabelPair> labels;
    std::vector<ChunkMeta> metas;
    uint64_t duration = static_cast<uint64_t>(maxt) - static_cast<uint64_t>(mint);
    for (IndexReader::Id id : match_series(index, terms)) {
        IndexReader::chunks(index.labels(id, labels), metas);
        uint64_t covered = 0;
        if (!metas.empty())
            covered = static_cast<uint64_t>(metas.back().maxt) - static_cast<uint64_t>(metas.front().mint);
        for (LabelPair p : labels) {
            PairTally& tally = tallies[static_cast<uint64_t>(p.name) << 32 | p.value];
            ++tally.series;
            tally.uncovered += duration - covered;
        }
        out.entries += labels.size();
        ++out.series;
    }
    out.pairs = tallies.size();
    rank(index, tallies, duration, limit, out);
    return out;
}

ChunkAnalysis analyze_chunks(const Block& block, std::span<const MatchTerm> terms) {
    ChunkAnalysis out;
    HistogramColumns decoded;
    SeriesBatch batch = select(block, terms, -kEver, kEver, nullptr);
    for (const ChunkView& chunk : batch.chunks) {
        std::span<const uint8_t> bytes(chunk.data, chunk.size);
        auto samples = static_cast<uint32_t>(chunk_sample_count(bytes, chunk.encoding));
        if (!is_histogram(chunk.encoding)) {
            out.float_samples.push_back(samples);
            out.float_bytes.push_back(chunk.size);
            continue;
        }
        decoded.clear();
        histogram_decode(bytes, chunk.encoding, -kEver, kEver, decoded);
        uint64_t buckets = 0;
        for (const HistogramRun& run : decoded.runs) buckets += (run.last - run.first) * run.width;
        out.histogram_samples.push_back(samples);
        out.histogram_bytes.push_back(chunk.size);
        out.histogram_buckets.push_back(
            static_cast<uint32_t>(std::min<uint64_t>(buckets, std::numeric_limits<uint32_t>::max())));
    }
    return out;
}

}  // namespace narthex
