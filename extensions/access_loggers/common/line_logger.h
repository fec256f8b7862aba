#pragma once

#include <memory>
#include <string>
#include <variant>

#include "source/http/access_log.h"
#include "source/http/format.h"

namespace weir::extensions::access_loggers {

// Writes one line per exchange, in text or JSON, to a file or standard output through the process's
// base::FileWriter. Immutable.
class LineLoggerFactory final : public http::AccessLoggerFactory {
 public:
  using LineFormat = std::variant<http::Format, http::JsonFormat>;
  // `path` empty: standard output.
  LineLoggerFactory(std::string path, LineFormat format)
      : path_(std::move(path)), format_(std::make_shared<const LineFormat>(std::move(format))) {}

  // A file that cannot be opened is said in the operational log; its lines are then dropped.
  std::unique_ptr<http::AccessLogger> bind(base::ServiceMap& services) const override;

 private:
  const std::string path_;
  const std::shared_ptr<const LineFormat> format_;
};

}  // namespace weir::extensions::access_loggers
