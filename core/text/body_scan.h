// One pass over a body on behalf of a ScrapeCache.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/scrape_cache.h"

namespace narthex {

class BodyScan {
  public:
    BodyScan(ScrapeCache& cache, std::string_view body, const ScanOptions& options);
    // Throws DecodeError.
    ScanCounts run();

  private:
    using Entry = ScrapeCache::Entry;

    void lines();
    bool try_entry(uint32_t id);
    void other_line();
    void metadata_line();
    void series_line();
    // Reads value, timestamp and exemplar from p on (p is after the series text) up to and with the newline.
    void rest_of_line(uint32_t id, const char* p);
    const char* value_token(const char* p, double& value);
    const char* text_tail(const char* p, int64_t& timestamp, bool& timed);
    const char* openmetrics_tail(const char* p, int64_t& timestamp, bool& timed);
    const char* exemplar(const char* p);
    void sample(uint32_t id, int64_t timestamp, bool timed, double value);
    void meet(uint32_t id);

    const char* token_end(const char* p) const;
    const char* line_end(const char* p) const;
    [[noreturn]] void fail(const char* at, const std::string& reason) const;

    ScrapeCache& cache_;
    const ScanOptions& options_;
    const char* begin_;
    const char* end_;
    const char* p_;
    bool text_;
    bool trusted_;                        // known texts were checked by this format's grammar
    bool ended_ = false;                  // OpenMetrics: # EOF was read
    uint32_t expected_ = 0;               // the entry that the next line should be
    uint32_t last_ = ScrapeCache::kNone;  // the series of the line before
    MetricType type_ = MetricType::kUnknown;
    std::vector<RawLabel> labels_;
    ScanCounts counts_;
};

}  // namespace narthex
