#include "extensions/access_loggers/common/line_logger.h"

#include <utility>

#include "source/base/concat.h"
#include "source/base/file_writer.h"
#include "source/base/log.h"

namespace weir::extensions::access_loggers {
namespace {

// Worker-confined.
class LineLogger final : public http::AccessLogger {
 public:
  LineLogger(std::shared_ptr<const LineLoggerFactory::LineFormat> format,
             std::shared_ptr<base::LineRing> ring)
      : format_(std::move(format)), ring_(std::move(ring)) {}

  void log(const http::RequestHead& request, const http::ResponseHead& response,
           const http::HeaderMap& response_trailers, const http::StreamInfo& info) override {
    if (ring_ == nullptr) return;
    const http::LogEntry entry{request, response, response_trailers, info};
    line_.clear();
    std::visit([&](const auto& format) { format.append(entry, line_); }, *format_);
    line_.push_back('\n');
    ring_->push(line_);
  }

 private:
  const std::shared_ptr<const LineLoggerFactory::LineFormat> format_;
  const std::shared_ptr<base::LineRing> ring_;
  std::string line_;  // kept, so that its memory is
};

}  // namespace

std::unique_ptr<http::AccessLogger> LineLoggerFactory::bind(base::ServiceMap& services) const {
  absl::StatusOr<std::shared_ptr<base::LineRing>> ring =
      services.get<base::FileWriter>().open(path_);
  if (!ring.ok()) base::log::error("access_log", base::view(ring.status().message()));
  return std::make_unique<LineLogger>(format_, ring.ok() ? *std::move(ring) : nullptr);
}

}  // namespace weir::extensions::access_loggers
