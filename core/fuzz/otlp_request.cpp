// OTLP requests from anywhere: decoding ends with columns or a DecodeError, and columns that fit together.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "bytes/error.h"
#include "otlp/columns.h"
#include "otlp/request.h"

using namespace narthex;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

// Every key is a label, names are what they are, nothing is left out.
OtlpPlan plan_for(const OtlpRequest& request, bool custom_buckets) {
    OtlpPlan plan;
    plan.custom_buckets = custom_buckets;
    plan.target_info_every = 150'000'000'000;
    plan.identifying = {"service.name"};
    for (uint32_t key = 0; key < request.keys.size(); ++key) {
        std::string name(request.keys.get(key).substr(0, 1));  // short names collide
        plan.keys.push_back({name.empty() ? OtlpKeyLabel::kInvalid : OtlpKeyLabel::kLabel, name});
    }
    for (const OtlpMetric& m : request.metrics) {
        plan.metrics.push_back(OtlpPlan::Metric{std::string(request.texts->get(m.name)) + "_", {}, false});
    }
    plan.scopes.resize(request.scopes.size());
    plan.resources.resize(request.resources.size(), {{{"job", "fuzz"}}, {{"a", "promoted"}}});
    return plan;
}

void check_rows(const OtlpColumns::Rows& rows) {
    size_t n = rows.labels.rows();
    check(rows.times.size() == n && rows.starts.size() == n && rows.metrics.size() == n);
    for (size_t i = 0; i < n; ++i) {
        auto row = rows.labels.row(i);
        for (size_t k = 0; k < row.size(); ++k) {
            check(!rows.labels.text(row[k].value).empty());
            check(k == 0 || rows.labels.text(row[k - 1].name) < rows.labels.text(row[k].name));
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    try {
        auto request = decode_otlp({data + 1, size - 1});
        OtlpColumns columns = make_otlp_columns(*request, plan_for(*request, (data[0] & 1) != 0));
        check_rows(columns.floats);
        check_rows(columns.histograms);
        check(columns.values.size() == columns.floats.times.size());
        check(columns.batch.size() == columns.histograms.times.size());
        size_t rows = columns.floats.times.size() + columns.histograms.times.size();
        for (uint32_t row : columns.exemplars.rows) check(row < rows);
        check(columns.exemplars.labels.rows() == columns.exemplars.rows.size());
    } catch (const DecodeError& e) {
        check(e.offset() < size);
    } catch (const LimitError&) {
    }
    return 0;
}
