import pymysql
import scipy.stats


def test(rows):
    return scipy.stats.ttest_ind(rows[0],
