// Two protobuf bodies in sequence through one cache, and everything that follows a scan. The second scan of
// the first body must give what the first scan gave: knowing a metric may not change what it means.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "bytes/error.h"
#include "text/scrape_cache.h"

using namespace narthex;

namespace {

struct Outcome {
    bool ok = false;
    std::vector<LabelStrings> labels;  // of floats, then of histograms, then of exemplars
    std::vector<int64_t> timestamps;
    std::vector<uint64_t> values;  // bits

    bool operator==(const Outcome&) const = default;
};

void add(Outcome& out, const std::vector<uint64_t>& refs, const std::vector<int64_t>& timestamps,
         const std::vector<double>& values, const std::vector<LabelStrings>& seen) {
    for (uint64_t ref : refs) out.labels.push_back(seen.at(ref));
    out.timestamps.insert(out.timestamps.end(), timestamps.begin(), timestamps.end());
    for (double v : values) out.values.push_back(std::bit_cast<uint64_t>(v));
}

// Runs one scrape; every series becomes its place in `seen`.
Outcome scrape(ScrapeCache& cache, std::span<const uint8_t> body, const ScanOptions& options,
               std::vector<LabelStrings>& seen) {
    Outcome out;
    try {
        cache.scan_protobuf(body, options);
    } catch (const DecodeError&) {
        cache.fail();
        return out;
    }
    std::vector<uint32_t> ids = cache.unknown();
    std::vector<uint64_t> refs;
    for (uint32_t id : ids) {
        refs.push_back(seen.size());
        seen.push_back(cache.labels(id));
    }
    cache.label_sets(ids);
    cache.assign(ids, refs);
    SampleColumns floats = cache.samples();
    add(out, floats.refs, floats.timestamps, floats.values, seen);
    HistogramSampleColumns histograms = cache.histograms();
    add(out, histograms.refs, histograms.timestamps, histograms.values.columns().sums, seen);
    ExemplarColumns exemplars = cache.exemplars();
    add(out, exemplars.refs, exemplars.timestamps, exemplars.values, seen);
    cache.vanished();
    cache.commit();
    cache.metadata();
    out.ok = true;
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    std::span<const uint8_t> input(data + 2, size - 2);
    size_t cut = data[1] * input.size() / 256;
    std::span<const uint8_t> first = input.first(cut), second = input.subspan(cut);
    ScanOptions options{.default_timestamp = 1000};
    options.exemplars = data[0] & 1;
    options.histograms.native = data[0] & 2;
    options.histograms.classic = data[0] & 4;
    options.honor_timestamps = !(data[0] & 8);
    options.histograms.bucket_limit = data[0] >> 4;

    ScrapeCache used;
    std::vector<LabelStrings> seen;
    Outcome once = scrape(used, first, options, seen);
    scrape(used, second, options, seen);
    if (scrape(used, first, options, seen) != once) std::abort();
    return 0;
}
