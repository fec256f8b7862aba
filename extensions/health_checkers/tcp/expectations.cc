#include "extensions/health_checkers/tcp/expectations.h"

#include "extensions/health_checkers/common/printable.h"
#include "source/base/concat.h"

namespace weir::extensions::health_checkers::tcp {

ExpectationReader::Progress ExpectationReader::read(std::string_view data) {
  data = data.substr(0, kMostAnswerBytes - bytes_);
  bytes_ += static_cast<uint32_t>(data.size());
  while (found_ < expected_->size()) {
    if (!(*expected_)[found_].find(data, state_)) {
      return bytes_ < kMostAnswerBytes ? Progress::kMore : Progress::kNever;
    }
    ++found_;
  }
  return Progress::kFound;
}

std::string ExpectationReader::missing() const {
  return base::concat("\"", printable((*expected_)[found_].bytes()), "\"");
}

}  // namespace weir::extensions::health_checkers::tcp
