#include "extensions/load_balancing/maglev/config.h"

#include "api/weir/extensions/load_balancing/maglev/v1/maglev.pb.h"
#include "extensions/load_balancing/maglev/maglev.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::load_balancing::maglev {
namespace {

constexpr uint32_t kLeastTable = 101;
constexpr uint32_t kLargestTable = 5'000'011;

uint32_t readTableSize(uint32_t value, const config::Cursor& at) {
  const auto size = static_cast<uint32_t>(
      config::readNumberOr(value, MaglevOptions().table_size, {kLeastTable, kLargestTable}, at));
  // What is out of range has been reported.
  if (size == value && !isPrime(size)) {
    at.error(base::concat(size, " is not a prime"),
             base::concat("the next one is ", primeFrom(size)));
  }
  return size;
}

}  // namespace

std::shared_ptr<const upstream::LoadBalancerFactory> MaglevExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::Maglev&>(config);
  MaglevOptions options;
  options.table_size = readTableSize(from.table_size(), at.field("table_size"));
  options.bounded_load_percent = static_cast<uint32_t>(config::readNumberOr(
      from.bounded_load_percent(), 0, {105, 10'000}, at.field("bounded_load_percent")));
  return std::make_shared<MaglevFactory>(options);
}

}  // namespace weir::extensions::load_balancing::maglev
