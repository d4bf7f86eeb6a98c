"""Temporary."""
from __future__ import annotations
from pathlib import Path
import re
from typing import Any
import yaml
from graphrun.errors import Place, Reporter, Source, Diagnostic
from graphrun.expr.parse import parse_signature
from graphrun.spec.models import *
from graphrun.spec.spec import *
from graphrun.spec import spec as S
class L(yaml.SafeLoader): pass
L.yaml_implicit_resolvers = {}
L.add_implicit_resolver('tag:yaml.org,2002:bool', re.compile(r'^(true|false)$'), list('tf'))
L.add_implicit_resolver('tag:yaml.org,2002:null', re.compile(r'^(null|~)?$'), ['n','~',''])
L.add_implicit_resolver('tag:yaml.org,2002:int', re.compile(r'^[-+]?[0-9]+$'), list('-+0123456789'))
L.add_implicit_resolver('tag:yaml.org,2002:float', re.compile(r'^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$'), list('-+.0123456789'))
class Pos:
    def __init__(self, source, root): self.source=source; self.root=root
    def find(self, path):
        n=self.root; k=None
        for p in path:
            if isinstance(n, yaml.MappingNode):
                for a,b in n.value:
                    if a.value==str(p): k,n=a,b; break
                else: break
            elif isinstance(n, yaml.SequenceNode) and isinstance(p,int): k,n=n.value[p],n.value[p]
            else: break
        return k,n
    def mk(self, a, b): return Place(self.source, a.line+1, a.column+1, b.line+1, b.column+1)
    def value(self, path): _,n=self.find(path); return self.mk(n.start_mark,n.end_mark)
    def key(self, path): k,n=self.find(path); k=k or n; return self.mk(k.start_mark,k.end_mark)
    def w(self,n,s,e):
        o=1 if n.style in ("'",'"') else 0
        return Place(self.source,n.start_mark.line+1,n.start_mark.column+1+s+o,n.start_mark.line+1,n.start_mark.column+1+e+o)
    def within(self,path,s,e): return self.w(self.find(path)[1],s,e)
    def within_key(self,path,s,e): return self.w(self.find(path)[0],s,e)
def read_text(text, base, name, settings, reporter, fname='<text>'):
    root=yaml.compose(text, Loader=L); data=yaml.load(text, Loader=L)
    for s in (settings if not isinstance(settings, dict) else [f"{k}={v}" for k,v in settings.items()]):
        k,v=s.split('=',1); 
        parts=k.split('.')
        d=data
        for p in parts[:-1]: d=d.setdefault(p,{})
        if len(parts)==1: d=data['config']
        d[parts[-1]]=yaml.load(v,Loader=L)
        if k=='train.steps': d.pop('epochs',None)
    source=Source(fname,text); pos=Pos(source,root)
    def tup(m):
        for sec in ('inputs','params'):
            for k,v in (m.get(sec) or {}).items():
                pass
    tup(data)
    for v in (data.get('functions') or {}).values():
        if isinstance(v,dict): tup(v)
    for v in (data.get('optimizers') or {}).values(): pass
    model=SpecModel.model_validate(data)
    fns={}; opts={}
    f=S.File(pos,fns,opts)
    for k,v in model.functions.items():
        sig=parse_signature(k); body=isinstance(v,FunctionModel)
        fns[sig.name]=S.Function(sig, v if body else FunctionModel(returns=v), ('functions',k), f, body)
    for k,v in model.optimizers.items():
        sig=parse_signature(k); opts[sig.name]=S.Optimizer(sig,v,('optimizers',k),f)
    return S.Spec(model.name or name, base, model, f)
def read_spec(path, settings, reporter):
    path=Path(path); return read_text(path.read_text(), str(path.parent), path.stem, settings, reporter, str(path))
