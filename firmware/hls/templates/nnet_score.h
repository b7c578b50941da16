// Anomaly scores of a variational autoencoder, from the latent mean and the logarithm of the variance.
#ifndef NNET_SCORE_H_
#define NNET_SCORE_H_

#include "nnet_common.h"

namespace nnet {

// Sum of squares; every square is cast to accum_t, and so is every partial sum.
template <class data_T, class res_T, typename CONFIG_T>
void square_sum(data_T data[CONFIG_T::n_in], res_T res[1]) {
    #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
    typename CONFIG_T::accum_t total = 0;
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        total += static_cast<typename CONFIG_T::accum_t>(data[i] * data[i]);
    }
    res[0] = total;
}

// Twice the Kullback-Leibler divergence from the unit Gaussian: squares of the mean, and for each logarithm
// of the variance v the tabulated exp(v) - 1 - v, whose index is the raw bits of v.
template <class mean_T, class log_var_T, class res_T, typename CONFIG_T>
void twice_kl(mean_T mean[CONFIG_T::n_in], log_var_T log_var[CONFIG_T::n_in], res_T res[1],
              typename CONFIG_T::table_t table[CONFIG_T::table_size]) {
    #pragma HLS PIPELINE II=CONFIG_T::reuse_factor
    typename CONFIG_T::accum_t total = 0;
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        total += static_cast<typename CONFIG_T::accum_t>(mean[i] * mean[i]);
    }
    for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
        #pragma HLS UNROLL
        ap_uint<log_var_T::width> index = log_var[i](log_var_T::width - 1, 0);
        total += static_cast<typename CONFIG_T::accum_t>(table[index]);
    }
    res[0] = total;
}

} // namespace nnet

#endif
