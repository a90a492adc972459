// One pass over a body on behalf of a ScrapeCache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/cache_scan.h"

namespace narthex {

class BodyScan : private CacheScan {
  public:
    BodyScan(ScrapeCache& cache, std::string_view body, const ScanOptions& options);
    // Throws DecodeError.
    ScanCounts run();

  private:
    void lines();
    bool try_entry(uint32_t id);
    void meet_metadata(uint32_t id) {
        auto kind = static_cast<LineKind>(cache_.entries_[id].kind);
        if (kind == LineKind::kType) {
            type_ = static_cast<MetricType>(cache_.entries_[id].ref);
            type_line_ = id;
        }
        if (kind == LineKind::kUnit) unit_line_ = id;
        metadata_ = id;
        meet(id);
    }
    void other_line();
    void metadata_line();
    void series_line();
    // Reads value, timestamp and exemplar from p on (p is after the series text) up to and with the newline.
    void rest_of_line(uint32_t id, const char* p);
    const char* value_token(const char* p, double& value);
    const char* text_tail(const char* p, int64_t& timestamp, bool& timed);
    const char* openmetrics_tail(const char* p, int64_t& timestamp, bool& timed);
    const char* read_exemplar(const char* p);
    // The exemplar that read_exemplar read last, of this series.
    void keep_exemplar(uint32_t id, int64_t timestamp);

    // Lines that make one metric together: see line_groups.cpp.
    bool takes_starts() const;
    bool is_created_line() const;
    void join_group(uint32_t id);
    bool part_of_group(uint32_t id, int64_t timestamp, bool timed, double value);
    void convert_groups();
    void give_starts();
    // The UNIT line of the family of a line that was met for the first time, or none.
    uint32_t unit_line() const;

    const char* token_end(const char* p) const;
    const char* line_end(const char* p) const;
    [[noreturn]] void fail(const char* at, const std::string& reason) const;

    const char* begin_;
    const char* end_;
    const char* p_;
    bool text_;
    bool trusted_;                        // known texts were checked by this format's grammar
    bool ended_ = false;                  // OpenMetrics: # EOF was read
    uint32_t last_ = ScrapeCache::kNone;  // the series of the line before
    MetricType type_ = MetricType::kUnknown;
    uint32_t type_line_ = ScrapeCache::kNone;  // the entry that says so
    uint32_t unit_line_ = ScrapeCache::kNone;  // the newest
    uint32_t metadata_ = ScrapeCache::kNone;   // the newest line of metadata
    std::vector<RawLabel> labels_;
    bool has_exemplar_ = false;  // of the line that is being read: labels_ are the exemplar's
    std::optional<int64_t> exemplar_time_;
    double exemplar_value_ = 0;
    std::vector<std::pair<uint32_t, int64_t>> created_;  // groups and their start times
};

}  // namespace narthex
