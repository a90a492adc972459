// The labels of an OTLP exemplar.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "otlp/request.h"

namespace narthex {

// Keeps its space from exemplar to exemplar.
class OtlpExemplarLabels {
  public:
    // Ids of the trace and the span, in hexadecimal, and the attributes where all together fit into the 128
    // code points that OpenMetrics allows; otherwise the ids alone. Valid until the next call.
    const std::vector<std::pair<std::string_view, std::string_view>>& of(const OtlpRequest& request,
                                                                         const OtlpExemplar& exemplar);

  private:
    std::string trace_, span_;
    std::vector<std::pair<std::string_view, std::string_view>> labels_;
};

}  // namespace narthex
