def test_x(shop, tmp_path):
    import time
    t=time.time()
    d=shop.build("-o", f"oci:{tmp_path}/o")
    print(d.out,d.err, time.time()-t)
    t=time.time()
    v=shop("verify", d.references[0], "--project", "."); print(v, time.time()-t)
    c=shop.with_cache(tmp_path/"c", empty=True)
    t=time.time()
    d=c.build("-o", f"oci:{tmp_path}/o2")
    print(d.out,d.err, time.time()-t)
    assert 0
