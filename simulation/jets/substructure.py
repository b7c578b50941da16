"""Substructure of a jet: modified mass drop, energy correlation functions, multiplicity and sum of z log z.

Definitions: grooming Dasgupta et al., arXiv:1307.0007 (soft drop with beta = 0, z_cut = 0.1); C, D Larkoski
et al., arXiv:1305.0007, 1409.6298; M, N Moult, Necib and Thaler, arXiv:1609.07483. Particles have no mass.
With these definitions D2 with (alpha, beta) = (1, 1) is D2 with beta = 1: two of the 16 columns are equal.
"""

from __future__ import annotations

import numpy as np

from l1forge.emulator.jit import compiled
from l1forge.simulation.jets import FEATURES

Z_CUT = 0.1
N_FEATURES = len(FEATURES)


@compiled
def separation(eta_a, phi_a, eta_b, phi_b):
    """Square of the distance of two directions."""
    d_phi = abs(phi_a - phi_b)
    if d_phi > np.pi:
        d_phi = 2 * np.pi - d_phi
    return (eta_a - eta_b) ** 2 + d_phi * d_phi


@compiled
def cambridge_aachen(p):
    """Merge the nearest two until one is left: (momenta of all 2 n - 1 nodes, their two parents or -1).

    ``p`` is float64 (n, 4): px, py, pz, E.
    """
    n = p.shape[0]
    node = np.zeros((2 * n - 1, 4))
    node[:n] = p
    parents = np.full((2 * n - 1, 2), -1, np.int64)
    y, phi = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    near, gap = np.zeros(2 * n - 1, np.int64), np.full(2 * n - 1, np.inf)
    alive = np.zeros(2 * n - 1, np.bool_)
    for i in range(n):
        y[i] = 0.5 * np.log((p[i, 3] + p[i, 2]) / (p[i, 3] - p[i, 2]))
        phi[i] = np.arctan2(p[i, 1], p[i, 0])
        alive[i] = True
    for i in range(n):
        for j in range(n):
            if i != j:
                distance = separation(y[i], phi[i], y[j], phi[j])
                if distance < gap[i]:
                    gap[i], near[i] = distance, j
    for new in range(n, 2 * n - 1):
        a, least = -1, np.inf
        for i in range(new):
            if alive[i] and (a < 0 or gap[i] < least):
                a, least = i, gap[i]
        b = near[a]
        alive[a], alive[b], alive[new] = False, False, True
        parents[new, 0], parents[new, 1] = a, b
        node[new] = node[a] + node[b]
        y[new] = 0.5 * np.log((node[new, 3] + node[new, 2]) / (node[new, 3] - node[new, 2]))
        phi[new] = np.arctan2(node[new, 1], node[new, 0])
        for i in range(new):
            if not alive[i]:
                continue
            distance = separation(y[i], phi[i], y[new], phi[new])
            if distance < gap[new]:
                gap[new], near[new] = distance, i
            if distance < gap[i]:
                gap[i], near[i] = distance, new
            elif near[i] == a or near[i] == b:
                gap[i] = np.inf
                for j in range(new + 1):
                    if j != i and alive[j]:
                        distance = separation(y[i], phi[i], y[j], phi[j])
                        if distance < gap[i]:
                            gap[i], near[i] = distance, j
    return node, parents


@compiled
def groomed(p):
    """Which of the particles (n, 4) the modified mass drop keeps: bool (n,)."""
    n = p.shape[0]
    node, parents = cambridge_aachen(p)
    top = 2 * n - 2
    while parents[top, 0] >= 0:
        a, b = parents[top, 0], parents[top, 1]
        pt_a, pt_b = np.hypot(node[a, 0], node[a, 1]), np.hypot(node[b, 0], node[b, 1])
        if min(pt_a, pt_b) > Z_CUT * (pt_a + pt_b):
            break
        top = a if pt_a > pt_b else b
    kept = np.zeros(n, np.bool_)
    waiting = np.empty(2 * n, np.int64)
    waiting[0], count = top, 1
    while count:
        count -= 1
        here = waiting[count]
        if here < n:
            kept[here] = True
        else:
            waiting[count], waiting[count + 1] = parents[here, 0], parents[here, 1]
            count += 2
    return kept


@compiled
def correlations(z, eta, phi):
    """Sums over pairs and triples of the momentum fractions ``z`` of groomed particles, (9,).

    Pairs: e2 with beta 0, 1, 2. Triples: e3 with beta 1, 2; 1e3 with beta 1, 2; 2e3 with beta 1, 2.
    """
    n = z.shape[0]
    e2_0 = e2_1 = e2_2 = e3_1 = e3_2 = one_1 = one_2 = two_1 = two_2 = 0.0
    distance = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            distance[i, j] = np.sqrt(separation(eta[i], phi[i], eta[j], phi[j]))
    for i in range(n):
        for j in range(i + 1, n):
            z_ij, a = z[i] * z[j], distance[i, j]
            e2_0 += z_ij
            e2_1 += z_ij * a
            e2_2 += z_ij * a * a
            for k in range(j + 1, n):
                weight, b, c = z_ij * z[k], distance[i, k], distance[j, k]
                all_three = a * b * c
                smallest = min(a, min(b, c))
                pair = min(a * b, min(a * c, b * c))
                e3_1 += weight * all_three
                e3_2 += weight * all_three * all_three
                one_1 += weight * smallest
                one_2 += weight * smallest * smallest
                two_1 += weight * pair
                two_2 += weight * pair * pair
    return np.array([e2_0, e2_1, e2_2, e3_1, e3_2, one_1, one_2, two_1, two_2])


@compiled
def ratio(above, below):
    """The quotient; 0 where the jet has too few particles for it."""
    return above / below if below > 0 else 0.0


@compiled
def features(pt, eta, phi):
    """The quantities ``FEATURES`` of a jet of massless particles: pT (GeV), eta and phi, (n,) each.

    zlogz and multiplicity are those of the whole jet, all others of the groomed one; mass in GeV.
    """
    n = pt.shape[0]
    p = np.empty((n, 4))
    for i in range(n):
        p[i, 0], p[i, 1] = pt[i] * np.cos(phi[i]), pt[i] * np.sin(phi[i])
        p[i, 2], p[i, 3] = pt[i] * np.sinh(eta[i]), pt[i] * np.cosh(eta[i])
    kept = groomed(p)
    whole = pt / np.sum(pt)
    z = pt[kept] / np.sum(pt[kept])
    e2_0, e2_1, e2_2, e3_1, e3_2, one_1, one_2, two_1, two_2 = correlations(z, eta[kept], phi[kept])
    total = np.zeros(4)
    for i in range(n):
        if kept[i]:
            total += p[i]
    mass = np.sqrt(max(total[3] ** 2 - total[0] ** 2 - total[1] ** 2 - total[2] ** 2, 0.0))
    out = np.empty(N_FEATURES)
    out[0] = np.sum(whole * np.log(whole))
    out[1], out[2], out[3] = e2_0, e2_1, e2_2
    out[4], out[5] = ratio(e3_1, e2_1**2), ratio(e3_2, e2_2**2)
    out[6], out[7] = ratio(e3_1, e2_1**3), ratio(e3_2, e2_2**3)
    out[8], out[9] = ratio(e3_1, e2_1**3), ratio(e3_1, e2_2**1.5)
    out[10], out[11] = ratio(one_1, e2_1), ratio(one_2, e2_2)
    out[12], out[13] = ratio(two_1, e2_1**2), ratio(two_2, e2_2**2)
    out[14], out[15] = mass, n
    return out
