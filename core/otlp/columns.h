// What storage is given of an OTLP request: label sets with their samples, native histograms and exemplars.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "chunk/histogram_batch.h"
#include "labels/label_sets.h"
#include "otlp/label_maker.h"
#include "otlp/request.h"

namespace narthex {

// How a request is translated: the names are the caller's business.
struct OtlpPlan {
    struct Metric {
        std::string name;
        OtlpLabels labels;   // of every series of it
        bool gauge = false;  // its native histograms do not count up
    };
    struct Resource {
        OtlpLabels identity;  // job and instance
        OtlpLabels promoted;  // defaults of every series
    };
    std::vector<OtlpKeyLabel> keys;              // a row a symbol of OtlpRequest::keys
    std::vector<std::optional<Metric>> metrics;  // a row a metric; none: it is left out
    std::vector<OtlpLabels> scopes;              // a row a scope
    std::vector<Resource> resources;             // a row a resource
    bool join_collisions = true;
    bool custom_buckets = false;           // histograms become native ones
    std::vector<std::string> identifying;  // attributes of resources that job and instance are made of
    bool keep_identifying = false;         // target_info has them, too
    int64_t target_info_every = 0;         // nanoseconds between its samples; 0: none is made
};

// Columns with one entry a row of the label sets. Times are milliseconds.
struct OtlpColumns {
    struct Rows {
        LabelSets labels;
        std::vector<int64_t> times, starts;
        std::vector<uint32_t> metrics;  // into OtlpRequest::metrics; kTargetInfo for target_info
        explicit Rows(const std::shared_ptr<SymbolTable>& texts) : labels(texts) {}
    };
    struct Exemplars {
        std::vector<uint32_t> rows;  // of floats; from floats.labels.rows() on, of histograms
        std::vector<int64_t> times;
        std::vector<double> values;
        LabelSets labels;
    };
    static constexpr uint32_t kTargetInfo = 0xffffffff;

    Rows floats, histograms;
    std::vector<double> values;
    HistogramBatch batch;
    Exemplars exemplars;
    std::vector<OtlpLabelMaker::Collision> collisions;
    // Points that are not among the rows.
    size_t invalid_labels = 0;  // an attribute's name cannot be a label
    size_t coarse = 0;          // an exponential histogram of a scale below -4
    size_t empty_with_sum = 0;  // histograms that are there, with a count of zero and another sum

    explicit OtlpColumns(const std::shared_ptr<SymbolTable>& texts) : floats(texts), histograms(texts) {}
};

// Points become rows in their order; a metric's number of rows depends on its kind as Prometheus has it:
// gauges and sums one, histograms and summaries one for each of sum, count and buckets or quantiles,
// exponential histograms one native histogram. Throws LimitError when label sets would take far more memory
// than the body, and std::invalid_argument for a plan that does not fit.
OtlpColumns make_otlp_columns(const OtlpRequest& request, const OtlpPlan& plan);

}  // namespace narthex
