// Lines that start with '#': HELP, TYPE, UNIT, EOF and comments.
#pragma once

#include <cstdint>
#include <string_view>

#include "text/series_text.h"

namespace narthex {

enum class MetricType : uint8_t {
    kUnknown,
    kCounter,
    kGauge,
    kHistogram,
    kGaugeHistogram,
    kSummary,
    kInfo,
    kStateSet,
};
std::string_view metric_type_name(MetricType type);

// kFamily is no line: name, type and unit of a family in a protobuf body.
// kGroup: a series that lines of a text make together.
enum class LineKind : uint8_t { kSeries, kHelp, kType, kUnit, kComment, kEof, kFamily, kGroup };

// Views point into the line. `family` stands without quotes and `text` follows it; escapes are not resolved.
struct MetadataLine {
    LineKind kind = LineKind::kComment;
    std::string_view family;
    std::string_view text;
    MetricType type = MetricType::kUnknown;
};

// Reads the line [p, end) without its newline; *p is '#'. Throws LineError: no metric name, unknown type,
// invalid UTF-8, a unit that the family's name does not end with, or (OpenMetrics) a comment.
MetadataLine parse_metadata_line(const char* p, const char* end, TextFormat format);

// Family and text of a HELP, TYPE or UNIT line that parse_metadata_line took before.
MetadataLine split_metadata_line(std::string_view line);

}  // namespace narthex
