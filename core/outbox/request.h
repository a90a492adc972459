// The messages of remote write 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "outbox/entry.h"
#include "outbox/series_names.h"

namespace narthex {

// Appends a WriteRequest: one TimeSeries an entry, in their order.
void write_request_v1(std::span<const Entry> entries, const SeriesNames& names, std::vector<uint8_t>& out);

// Appends a Request with the symbols that its entries use. Exemplars stand beside their series' last sample,
// if there is one.
void write_request_v2(std::span<const Entry> entries, const SeriesNames& names, std::vector<uint8_t>& out);

struct MetricFamilyText {
    std::string name;
    uint8_t type;
    std::string help, unit;
};
// Appends a WriteRequest with metadata alone.
void write_metadata_request(std::span<const MetricFamilyText> families, std::vector<uint8_t>& out);

}  // namespace narthex
