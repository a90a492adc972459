// Two bodies in sequence through one cache, in either format, and everything that follows a scan. The second
// scan of the first body must give what a fresh cache gives: knowing a line may not change what it means.
#include "text/scrape_cache.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "bytes/error.h"

using namespace narthex;

namespace {

struct Outcome {
    bool ok = false;
    std::vector<LabelStrings> labels;
    std::vector<int64_t> timestamps;
    std::vector<double> values;
    std::vector<int64_t> starts;
};

// Runs one scrape; every series becomes its place in `seen`.
Outcome scrape(ScrapeCache& cache, std::string_view body, const ScanOptions& options,
               std::vector<LabelStrings>& seen) {
    Outcome out;
    try {
        cache.scan(body, options);
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
    cache.assign(ids, refs);
    SampleColumns columns = cache.samples();
    StartColumns starts = cache.starts();
    if (!starts.samples.empty() && starts.samples.size() != columns.refs.size()) std::abort();
    if (!starts.histograms.empty() && starts.histograms.size() != cache.histograms().refs.size())
        std::abort();
    cache.vanished();
    cache.commit();
    cache.metadata();
    for (uint64_t ref : columns.refs) out.labels.push_back(seen.at(ref));
    out.timestamps = std::move(columns.timestamps);
    out.values = std::move(columns.values);
    out.starts = std::move(starts.samples);
    out.ok = true;
    return out;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() &&
           (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0);
}

// The values of all sample lines, in order.
std::vector<double> scanned(ScrapeCache& cache) {
    std::vector<uint32_t> ids = cache.unknown();
    cache.label_sets(ids);
    cache.assign(ids, std::vector<uint64_t>(ids.size(), 1));
    return cache.samples().values;
}

// le and quantile take their form from the TYPE line in force when a series is first seen, so values of
// labels may differ between a fresh cache and a used one; names may not.
bool same_names(const std::vector<LabelStrings>& a, const std::vector<LabelStrings>& b) {
    if (a.size() != b.size()) return false;
    for (size_t i = 0; i < a.size(); ++i) {
        if (a[i].size() != b[i].size()) return false;
        for (size_t k = 0; k < a[i].size(); ++k) {
            if (a[i][k].first != b[i][k].first) return false;
        }
    }
    return true;
}

// A body in pieces gives the samples of the whole.
void scan_pieces(std::string_view body, size_t cut, ScanOptions options) {
    size_t line = body.substr(0, cut).rfind('\n');
    if (line == std::string_view::npos) return;
    ScrapeCache whole, pieces;
    std::vector<double> want, got;
    bool ok = false;
    try {
        whole.scan(body, options);
        want = scanned(whole);
        ok = true;
        options.last_piece = false;
        pieces.scan(body.substr(0, line + 1), options);
        got = scanned(pieces);
        pieces.keep();
        options.first_piece = false;
        options.last_piece = true;
        pieces.scan(body.substr(line + 1), options);
        std::vector<double> rest = scanned(pieces);
        got.insert(got.end(), rest.begin(), rest.end());
    } catch (const DecodeError&) {
        // A quoted text of the text format may go on in the next line.
        if (ok && options.format == TextFormat::kOpenMetrics) std::abort();
        return;
    }
    if (options.timestamps_required && !same_bits(want, got)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) return 0;
    std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    size_t cut = input.empty() ? 0 : data[1] * input.size() / 256;
    std::string_view first = input.substr(0, cut), second = input.substr(cut);
    ScanOptions a{.default_timestamp = 1000}, b{.default_timestamp = 2000};
    a.format = data[0] & 1 ? TextFormat::kOpenMetrics : TextFormat::kText;
    b.format = data[0] & 2 ? TextFormat::kOpenMetrics : TextFormat::kText;
    b.honor_timestamps = !(data[0] & 4);
    b.track_explicit = data[0] & 8;
    a.starts = b.starts = data[0] & 16;
    a.type_and_unit = b.type_and_unit = data[0] & 32;
    a.histograms.convert = b.histograms.convert = data[0] & 64;

    ScanOptions pieces = a;
    pieces.timestamps_required = true;
    scan_pieces(input, cut, pieces);

    ScrapeCache used;
    std::vector<LabelStrings> seen;
    Outcome once = scrape(used, first, a, seen);
    scrape(used, second, b, seen);
    Outcome twice = scrape(used, first, a, seen);
    if (once.ok != twice.ok || once.starts != twice.starts || once.timestamps != twice.timestamps ||
        !same_bits(once.values, twice.values) || !same_names(once.labels, twice.labels)) {
        std::abort();
    }
    return 0;
}
